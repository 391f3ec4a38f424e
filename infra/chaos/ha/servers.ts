import { Redis } from 'ioredis';
import { Client } from 'pg';
import { redisPlaceOf } from '#runtime/redis/place.ts';
import { fieldsOf } from '#runtime/redis/sentinel.ts';
import { readEnsemble } from '#runtime/zookeeper/topology.ts';
import type { Links } from './links.ts';

/** The topology as the servers themselves see it. They are asked past every proxy, so a fault of a link hides nothing. */
export type Servers = {
  names: (role: string) => string[];
  /** The primary that most sentinels name. Throws while they do not agree. */
  primary: (master: Master) => Promise<string>;
  /** The leader of ZooKeeper, and the others. Throws without a quorum. */
  ensemble: () => Promise<{ leader: string; followers: string[] }>;
  /** Which PostgreSQL takes writes, and which others there are. */
  databases: () => Promise<{ primary: string; standbys: string[] }>;
  /** What is not as it was at the start; empty when every server is there, in its part, and in step. */
  troubles: () => Promise<string[]>;
  /** Sentinels turn what came back into a replica in 10 to 20 s; in a hurry, in two. A failover takes its usual time. */
  hurry: (isHurried: boolean) => Promise<void>;
  close: () => void;
};
export type Master = 'stock' | 'queue';
const roleOf: Record<Master, string> = { stock: 'stock-redis', queue: 'queue-redis' };
/** What a sentinel does how often, as it is called in SENTINEL DEBUG. */
const usualMs = { 'info-period': 10_000, 'publish-period': 2000 };
// Below a second, what a busy server says is too old for a sentinel to act on.
const hurriedMs = { 'info-period': 1500, 'publish-period': 400 };
const inStepBytes = 100_000;

/** `ports`: the servers' own. */
export function openServers(options: {
  ports: Readonly<Record<string, number>>;
  environment: Readonly<Record<string, string>>;
  links: Pick<Links, 'nameOf'>;
}): Servers {
  const { ports, environment, links } = options;
  const names = (role: string) => Object.keys(ports).filter((name) => name.replace(/-\d+$/, '') === role);
  const stock = redisPlaceOf(environment.SECKILL_STOCK_REDIS_URL ?? '');
  const queue = redisPlaceOf(environment.SECKILL_QUEUE_REDIS_URL ?? '');
  if (stock.kind !== 'sentinel' || queue.kind !== 'sentinel') throw new Error('the stack is not in the HA topology');
  const open = (name: string, password: string | undefined) => {
    const redis = new Redis({
      ...{ host: '127.0.0.1', port: ports[name] ?? 0, replyMapping: 'legacy' as const },
      ...{ commandTimeout: 1000, connectTimeout: 1000, maxRetriesPerRequest: 0, retryStrategy: () => 100 },
      ...(password === undefined ? {} : { password }),
    });
    redis.on('error', () => undefined); // what it was asked says so
    return [name, redis] as const;
  };
  const sentinels = new Map(names('sentinel').map((name) => open(name, stock.sentinelPassword)));
  const redises = new Map([
    ...names('stock-redis').map((name) => open(name, stock.password)),
    ...names('queue-redis').map((name) => open(name, queue.password)),
  ]);

  const ask = async (redis: Redis, ...question: [string, ...string[]]): Promise<Record<string, string>> =>
    fieldsOf(await redis.call(...question));

  /** Who is the primary, by each sentinel that answers. */
  async function votes(master: Master): Promise<string[]> {
    const answers = await Promise.all(
      [...sentinels.values()].map((redis) =>
        redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master).catch(() => null),
      ),
    );
    return answers.flatMap((answer) => (Array.isArray(answer) ? (links.nameOf(Number(answer[1])) ?? []) : []));
  }

  async function primary(master: Master): Promise<string> {
    const told = await votes(master);
    const found = told.find((name) => told.filter((other) => other === name).length >= 2);
    if (found === undefined)
      throw new Error(`the sentinels do not agree on a primary of ${master}: ${told.join(', ')}`);
    return found;
  }

  async function sentinelTroubles(name: string, redis: Redis, master: Master): Promise<string[]> {
    const says = await ask(redis, 'SENTINEL', 'MASTER', master);
    const replicas = fieldLists(await redis.call('SENTINEL', 'REPLICAS', master));
    const count = names(roleOf[master]).length - 1;
    // Of priority 0 is a replica that was never in sync: it cannot be promoted.
    const isReady = (it: Record<string, string>) => it.flags === 'slave' && it['slave-priority'] !== '0';
    const following = replicas.filter((it) => isReady(it) && it['master-link-status'] === 'ok').length;
    const wrong = [
      ...(says.flags === 'master' ? [] : [`flags ${says.flags}`]),
      ...(says['num-other-sentinels'] === '2' ? [] : [`${says['num-other-sentinels']} other sentinels`]),
      ...(following === count ? [] : [`${following} of ${count} replicas`]),
    ];
    return wrong.map((what) => `${name} on ${master}: ${what}`);
  }

  async function replicationTroubles(master: Master): Promise<string[]> {
    const now = await primary(master);
    if ((await votes(master)).some((name) => name !== now)) return [`not every sentinel names ${now}`];
    const info = String(await redises.get(now)?.info('replication'));
    if (!/^role:master\r?$/m.test(info)) return [`${now} is no primary`];
    const offset = Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1]);
    const replicas = [...info.matchAll(/^slave\d+:.*state=online,offset=(\d+)/gm)];
    const behind = replicas.filter(([, at]) => offset - Number(at) > inStepBytes).length;
    const count = names(roleOf[master]).length - 1;
    return replicas.length === count && behind === 0
      ? []
      : [`${now} has ${replicas.length - behind} of ${count} replicas`];
  }

  async function ensemble() {
    const found = await readEnsemble(
      names('zookeeper')
        .map((name) => `127.0.0.1:${ports[name]}`)
        .join(','),
    );
    const byName = names('zookeeper').map((name, index) => ({ name, server: found[index] }));
    const inPart = (part: string) =>
      byName.filter(({ server }) => server?.kind === 'serving' && server.role === part).map(({ name }) => name);
    const [leader] = inPart('leader');
    if (leader === undefined) throw new Error('ZooKeeper has no leader');
    return { leader, followers: inPart('follower') };
  }

  /** `database` as the stack's own URL names it. */
  async function query<T extends object>(name: string, sql: string): Promise<T[]> {
    const all = (environment.SECKILL_DATABASE_URL ?? '').replace(/(?<=@)[^/]+/, `127.0.0.1:${ports[name]}`);
    const client = new Client({ connectionString: all, connectionTimeoutMillis: 1000, query_timeout: 1000 });
    client.on('error', () => undefined); // the query rejects
    try {
      await client.connect();
      return (await client.query<T>(sql)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async function databases() {
    const standing = await Promise.all(
      names('postgres').map(async (name) => {
        const rows = await query<{ standby: boolean }>(name, 'SELECT pg_is_in_recovery() AS standby').catch(() => []);
        return { name, standby: rows[0]?.standby };
      }),
    );
    const found = standing.find(({ standby }) => standby === false);
    if (found === undefined) throw new Error('no PostgreSQL takes writes');
    return { primary: found.name, standbys: standing.filter(({ standby }) => standby).map(({ name }) => name) };
  }

  async function databaseTroubles(): Promise<string[]> {
    const count = names('postgres').length;
    if (count < 2) return [];
    const found = await databases();
    const sync = await query(
      found.primary,
      "SELECT FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')",
    );
    return sync.length >= 1 ? [] : [`${found.primary} has no synchronous standby`];
  }

  async function ensembleTroubles(): Promise<string[]> {
    const count = names('zookeeper').length;
    if (count < 2) return [];
    const { followers } = await ensemble();
    return followers.length === count - 1 ? [] : [`ZooKeeper has ${followers.length} of ${count - 1} followers`];
  }

  return {
    names,
    primary,
    ensemble,
    databases,
    async troubles() {
      const looks = [
        ...(['stock', 'queue'] as const).flatMap((master) => [
          ...[...sentinels].map(([name, redis]) => sentinelTroubles(name, redis, master)),
          replicationTroubles(master),
        ]),
        ensembleTroubles(),
        databaseTroubles(),
      ];
      const found = await Promise.all(looks.map((look) => look.catch((error: unknown) => [String(error)])));
      return found.flat();
    },
    async hurry(isHurried) {
      const periods = isHurried ? hurriedMs : usualMs;
      const words = Object.entries(periods).flatMap(([name, ms]) => [name, String(ms)]);
      // One that is away is as usual when it comes back.
      await Promise.all(
        [...sentinels.values()].map((redis) => redis.call('SENTINEL', 'DEBUG', ...words).catch(() => null)),
      );
    },
    close: () => {
      for (const redis of [...sentinels.values(), ...redises.values()]) redis.disconnect();
    },
  };
}

const fieldLists = (lists: unknown): Record<string, string>[] => (Array.isArray(lists) ? lists.map(fieldsOf) : []);
