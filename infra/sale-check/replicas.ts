import { counted } from '#runtime/counted.ts';
import { addressOf, type HostAndPort } from '#runtime/redis/place.ts';
import { type Found, fail, pass, warn } from './finding.ts';
import { cliOf } from './redis.ts';
import type { RedisGroup, RedisNode, SentinelWord } from './redis-group.ts';

/** Whether a group of Redis under sentinels outlives the loss of a machine: what sentinels and servers say, judged. */

type There = Extract<RedisNode, { kind: 'there' }>;
type Naming = Extract<SentinelWord, { kind: 'names' }>;

/** Below, a slow disk is taken for a lost machine; above, shoppers wait that long at each failover. */
const [downAfterLeastMs, downAfterMostMs] = [500, 5000];

/** One server, without sentinels: no fault, and worth to be known. */
export const oneServer = (kind: 'stock' | 'queue'): Found =>
  pass(kind === 'stock' ? 'one server: a yes is on one disk' : 'one server');

/** `asked`: replicas that must have a yes (SECKILL_STOCK_REPLICAS); null for queue Redis, where no yes waits. */
export function judgeReplicas(group: RedisGroup, asked: number | null): Found[] {
  const naming = group.sentinels.filter((word) => word.kind === 'names');
  const found = [...judgeSentinels(group, naming), ...judgeServers(group, naming, asked)];
  if (found.length > 0) return found;
  const [first] = naming;
  const replicas = counted(group.nodes.length - 1, 'replica');
  const yes = asked === null || asked === 0 ? '' : `, a yes is on ${asked + 1} disks`;
  const sentinels = `${counted(naming.length, 'sentinel')}, quorum ${first?.quorum}`;
  return [pass(`primary ${first === undefined ? '' : addressOf(first.primary)}, ${replicas}${yes}; ${sentinels}`)];
}

function judgeSentinels(group: RedisGroup, naming: readonly Naming[]): Found[] {
  const { name, sentinels, nodes, hasPassword } = group;
  const found: Found[] = [];
  const cliTo = (at: HostAndPort) => cliOf(at, hasPassword.sentinels);
  const majority = Math.floor(sentinels.length / 2) + 1;
  for (const word of sentinels) {
    const at = addressOf(word.at);
    if (word.kind === 'away') {
      const few = naming.length < majority;
      const says = `sentinel ${at} does not answer (${word.why})${few ? `: ${naming.length} of ${sentinels.length} answer, so no failover is decided` : ''}`;
      found.push((few ? fail : warn)(says, `start the sentinel at ${at}`));
    }
    if (word.kind === 'stranger') {
      const primary =
        naming[0] === undefined ? '<host> <port>' : addressOf(naming[0].primary).replace(/:(\d+)$/, ' $1');
      const says = `sentinel ${at} knows no primary named ${name}`;
      // Without their password it would take every server for dead.
      const login = hasPassword.servers ? `, then SENTINEL SET ${name} auth-pass <password of the servers>` : '';
      found.push(fail(says, `${cliTo(word.at)} SENTINEL MONITOR ${name} ${primary} ${majority}${login}`));
    }
  }
  const named = Map.groupBy(naming, ({ primary }) => addressOf(primary));
  if (named.size > 1) {
    const sides = [...named].map(([primary, by]) => `${by.map(({ at }) => addressOf(at)).join(', ')}: ${primary}`);
    found.push(
      fail(
        `the sentinels name different primaries (${sides.join('; ')})`,
        'wait until a failover is over; else restart the one that is behind',
      ),
    );
  }
  for (const { at, quorum, downAfterMs, others } of naming) {
    const cli = `${cliTo(at)} SENTINEL SET ${name}`;
    if (quorum !== majority) {
      const says = `sentinel ${addressOf(at)} has a quorum of ${quorum}, and ${majority} of ${sentinels.length} must agree`;
      found.push(warn(says, `${cli} quorum ${majority}`));
    }
    if (downAfterMs < downAfterLeastMs || downAfterMs > downAfterMostMs) {
      const why =
        downAfterMs > downAfterMostMs
          ? 'shoppers wait that long at each failover'
          : 'a slow disk is taken for a lost machine';
      const says = `sentinel ${addressOf(at)} takes a server for dead after ${downAfterMs} ms: ${why}`;
      found.push(warn(says, `${cli} down-after-milliseconds 1000`));
    }
    if (others + 1 !== sentinels.length) {
      const says = `sentinel ${addressOf(at)} knows ${counted(others + 1, 'sentinel')} with itself, the URL names ${sentinels.length}`;
      found.push(
        warn(says, `name every sentinel in the URL; one that is gone for good: ${cliTo(at)} SENTINEL RESET ${name}`),
      );
    }
  }
  if (name !== 'queue') found.push(...judgePlaces(sentinels, nodes));
  return found;
}

/** One sentinel a machine of a Redis: with more, or on other machines, a cut may leave the wrong side a majority. */
function judgePlaces(sentinels: readonly SentinelWord[], nodes: readonly RedisNode[]): Found[] {
  const count = (places: readonly { at: HostAndPort }[]) => Map.groupBy(places, ({ at }) => at.host);
  const mend = 'run exactly one sentinel on each machine of a stock Redis';
  if (sentinels.length !== nodes.length && nodes.length > 0) {
    return [
      warn(`${counted(sentinels.length, 'sentinel')} for ${nodes.length} Redis: one shall stand beside each`, mend),
    ];
  }
  const [watching, watched] = [count(sentinels), count(nodes)];
  // Containers have addresses of their own: what is beside what, they do not tell.
  if (![...watching.keys()].some((host) => watched.has(host))) return [];
  return [...watched].flatMap(([host, servers]) => {
    const beside = watching.get(host)?.length ?? 0;
    return beside === servers.length
      ? []
      : [warn(`${counted(beside, 'sentinel')} beside ${servers.length} Redis on ${host}`, mend)];
  });
}

function judgeServers({ nodes, hasPassword }: RedisGroup, naming: readonly Naming[], asked: number | null): Found[] {
  const found: Found[] = [];
  const cliTo = (at: HostAndPort) => cliOf(at, hasPassword.servers);
  const there = nodes.filter((node) => node.kind === 'there');
  const primary = naming[0]?.primary;
  for (const node of nodes) {
    if (node.kind === 'away') {
      found.push(
        warn(
          `${addressOf(node.at)} does not answer (${node.why})`,
          `start the Redis at ${addressOf(node.at)}; empty, it copies the primary`,
        ),
      );
    }
  }
  const isPrimary = ({ at }: There) => primary !== undefined && addressOf(at) === addressOf(primary);
  const following = there.filter(
    (node) => !isPrimary(node) && node.info.get('role') === 'slave' && node.info.get('master_link_status') === 'up',
  );
  for (const node of there) {
    const at = addressOf(node.at);
    const role = node.info.get('role');
    if (isPrimary(node)) {
      if (role !== 'master')
        found.push(
          fail(
            `${at} is a replica, and the sentinels name it the primary`,
            `${cliTo(node.at)} INFO replication; wait until a failover is over`,
          ),
        );
    } else if (role === 'master') {
      found.push(
        fail(
          `${at} is a primary too, and the sentinels name another one`,
          `stop it; it copies the primary when it starts again as a replica`,
        ),
      );
    } else if (!following.includes(node)) {
      found.push(
        warn(`${at} is a replica without a link to its primary`, `${cliTo(node.at)} INFO replication, and its log`),
      );
    } else if (node.info.get('slave_priority') === '0') {
      found.push(
        warn(
          `${at} follows, and cannot be promoted: its replica-priority is 0`,
          `${cliTo(node.at)} CONFIG SET replica-priority 100   (when it has been in sync)`,
        ),
      );
    }
  }
  if (asked === null) return found;
  if (asked === 0) {
    const says =
      'a yes waits for no replica (SECKILL_STOCK_REPLICAS=0): a failover may lose it, and give its place away again';
    return [...found, warn(says, 'SECKILL_STOCK_REPLICAS=1, or leave it out')];
  }
  const says = `${counted(following.length, 'replica')} ${following.length === 1 ? 'follows' : 'follow'} the primary`;
  if (following.length < asked) {
    return [...found, fail(`${says}, and a yes needs ${asked}: nothing can be sold`, 'start the others')];
  }
  if (following.length === asked) {
    return [
      ...found,
      warn(`${says}, as many as a yes needs: with the next one nothing is sold`, `a replica more, ${asked + 1} in all`),
    ];
  }
  return found;
}
