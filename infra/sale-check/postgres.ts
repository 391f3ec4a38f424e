import { cdcNames } from '#contract/cdc.ts';
import { type PostgresServer, readPostgresTopology } from '#runtime/postgres/topology.ts';
import { type Found, fail, pass, warn } from './finding.ts';

const behindBytes = 1e9;

/** Whether PostgreSQL has a primary, and a row that was told is on a second disk. `isReplicated`: stock Redis has replicas. */
export async function checkPostgres(url: string, isReplicated: boolean): Promise<Found[]> {
  return judgePostgres(await readPostgresTopology(url), isReplicated);
}

export function judgePostgres(servers: readonly PostgresServer[], isReplicated: boolean): Found[] {
  const found: Found[] = [];
  for (const server of servers) {
    if (server.kind === 'away')
      found.push(warn(`${server.name} does not answer: ${server.why}`, 'start it as a standby'));
    if (server.kind === 'standby' && !server.receives) {
      found.push(warn(`${server.name} is a standby that no primary sends to`, 'see its log; copy the primary anew'));
    }
  }
  const primaries = servers.filter((server) => server.kind === 'primary');
  const [primary] = primaries;
  if (primary === undefined) {
    return [
      fail('it has no primary: nothing can be written', 'promote a standby, when the old primary cannot come back'),
      ...found,
    ];
  }
  if (primaries.length > 1) {
    const names = primaries.map(({ name }) => name).join(', ');
    found.unshift(fail(`it has two primaries: ${names}`, 'stop the old one, and copy the new one to it'));
  }
  found.push(...judgePrimary(primary, isReplicated || servers.length > 1));
  if (found.length > 0) return found;
  const names = synchronousOf(primary).map(({ name }) => name);
  return [
    pass(
      names.length === 0
        ? 'one server: a row is on one disk'
        : `primary ${primary.name}, a row is on a second disk: ${names.join(', ')}`,
    ),
  ];
}

type Primary = Extract<PostgresServer, { kind: 'primary' }>;

const synchronousOf = ({ standbys }: Primary) =>
  standbys.filter(({ state, sync }) => state === 'streaming' && (sync === 'sync' || sync === 'quorum'));

function judgePrimary(primary: Primary, isWanted: boolean): Found[] {
  const { name, waitsFor, standbys, slots } = primary;
  const found: Found[] = [];
  const isUntold = standbys.some(({ state }) => state === null);
  if (isUntold)
    found.push(
      warn(`${name} does not tell our user what its standbys do`, 'GRANT pg_monitor TO <user of SECKILL_DATABASE_URL>'),
    );
  else if (waitsFor !== '' && synchronousOf(primary).length === 0) {
    const says = `a commit on ${name} waits for ${waitsFor}, and no such standby streams: nothing is stored`;
    found.push(fail(says, 'start the standby'));
  }
  if (waitsFor === '' && isWanted) {
    const says = `a commit on ${name} waits for no standby: a row is on one disk`;
    found.push(
      warn(
        says,
        "a standby that streams, and ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (…)'; under Patroni synchronous_mode",
      ),
    );
  }
  for (const { name: standby, lagBytes } of standbys) {
    if (lagBytes !== null && lagBytes > behindBytes) {
      found.push(warn(`the standby ${standby} is ${Math.round(lagBytes / 1e6)} MB behind`, 'its disk and its network'));
    }
  }
  for (const { name: slot, walStatus } of slots) {
    if (walStatus === 'lost')
      found.push(
        warn(
          `slot ${slot} of ${name} is lost: its reader must begin anew`,
          slot === cdcNames.slot ? 'seckill cdc snapshot' : `SELECT pg_drop_replication_slot('${slot}')`,
        ),
      );
  }
  return found;
}
