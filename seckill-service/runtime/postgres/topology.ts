import { type Away, askHost, isStandby, timelineOf } from './ask-host.ts';
import type { HostClient } from './host-client.ts';
import { postgresPlaceOf } from './place.ts';

const withinMs = 1000;

/**
 * One server of a database's URL, as it says itself.
 *
 * primary  it takes writes; `waitsFor` is its synchronous_standby_names, empty when a commit waits for no standby
 * standby  it copies a primary; `receives`: it has a link to one
 * away     no answer within a second, or no connection
 */
export type PostgresServer = { name: string } & (Primary | Standby | Away);

type Primary = {
  kind: 'primary';
  timeline: number;
  waitsFor: string;
  standbys: PostgresStandby[];
  slots: PostgresSlot[];
};
type Standby = { kind: 'standby'; receives: boolean };

/** A standby as its primary sees it. What is null is not told to this user: it needs the role pg_monitor. */
export type PostgresStandby = {
  /** Its application_name: what the primary waits for it by. */
  name: string;
  state: 'streaming' | 'catchup' | 'startup' | 'stopping' | null;
  sync: 'sync' | 'quorum' | 'potential' | 'async' | null;
  /** What it does not have on its disk yet. */
  lagBytes: number | null;
  lagSeconds: number | null;
};

/** What keeps WAL on the primary's disk for a reader, a standby for example. */
export type PostgresSlot = {
  name: string;
  /** Its reader is connected. */
  isActive: boolean;
  /** `lost`: the reader was away for too long, and must begin anew. */
  walStatus: 'reserved' | 'extended' | 'unreserved' | 'lost' | null;
  keptBytes: number | null;
  /** How much more it may keep before it is lost; null without a limit. */
  safeBytes: number | null;
};

/** Asks every host of the URL how it is, all at once, 1 s at most. In the order of the URL. Throws ConfigError alone. */
export function readPostgresTopology(url: string): Promise<PostgresServer[]> {
  return Promise.all(
    postgresPlaceOf(url).hosts.map(async (host) => ({
      name: host.name,
      ...(await askHost(host, withinMs, async (client) =>
        (await isStandby(client)) ? standbyOf(client) : primaryOf(client),
      )),
    })),
  );
}

/** What is wrong with these servers, as clear lines; empty when there is one primary, and all others follow it. */
export function postgresTroubles(servers: readonly PostgresServer[]): string[] {
  const primaries = servers.filter((server) => server.kind === 'primary');
  const [first, ...others] = primaries.map(({ name }) => name);
  const roles = [
    ...(first === undefined ? ['PostgreSQL has no primary'] : []),
    ...(others.length > 0 ? [`PostgreSQL has ${primaries.length} primaries: ${[first, ...others].join(', ')}`] : []),
  ];
  return [...roles, ...servers.flatMap((server) => troublesOf(server, servers.length > 1))];
}

function troublesOf(server: PostgresServer, hasStandbys: boolean): string[] {
  switch (server.kind) {
    case 'away':
      return [`${server.name} does not answer: ${server.why}`];
    case 'standby':
      return server.receives ? [] : [`${server.name} is a standby that no primary sends to`];
    case 'primary': {
      const { name, waitsFor, standbys, slots } = server;
      const isSynchronous = standbys.some(({ sync }) => sync === 'sync' || sync === 'quorum');
      const isUntold = standbys.some(({ sync }) => sync === null);
      const dead = slots.filter(({ walStatus }) => walStatus === 'lost').map((slot) => slot.name);
      return [
        ...(waitsFor === '' && hasStandbys ? [`a commit on ${name} waits for no standby: it is on one disk`] : []),
        ...(waitsFor !== '' && !isSynchronous && !isUntold
          ? [`a commit on ${name} waits for ${waitsFor}, and no synchronous standby is there: nothing is stored`]
          : []),
        ...dead.map((slot) => `slot ${slot} of ${name} is lost: its reader was away for too long, and must begin anew`),
      ];
    }
  }
}

async function primaryOf(client: HostClient): Promise<Primary> {
  const timeline = await timelineOf(client);
  const setting = await client.query<{ names: string }>("SELECT current_setting('synchronous_standby_names') AS names");
  const standbys = await client.query<PostgresStandby>(
    `SELECT application_name AS name, state, sync_state AS sync, behind::float8 AS "lagBytes",
            CASE WHEN behind = 0 THEN 0 ELSE extract(epoch FROM flush_lag)::float8 END AS "lagSeconds"
       FROM pg_stat_replication, pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn) AS behind
      WHERE state IS DISTINCT FROM 'backup' ORDER BY application_name`,
  );
  const slots = await client.query<PostgresSlot>(
    `SELECT slot_name AS name, active AS "isActive", wal_status AS "walStatus", safe_wal_size::float8 AS "safeBytes",
            pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 AS "keptBytes"
       FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name`,
  );
  const waitsFor = setting.rows[0]?.names ?? '';
  return { kind: 'primary', timeline, waitsFor, standbys: standbys.rows, slots: slots.rows };
}

async function standbyOf(client: HostClient): Promise<Standby> {
  const { rows } = await client.query('SELECT 1 FROM pg_stat_wal_receiver');
  return { kind: 'standby', receives: rows.length > 0 };
}
