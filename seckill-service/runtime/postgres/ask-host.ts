import { withDeadline } from '../deadline.ts';
import { HostClient } from './host-client.ts';
import type { PostgresHost } from './place.ts';

/** A server that gave no answer. */
export type Away = { kind: 'away'; why: string };

/** Asks one server over a connection of its own, for `withinMs` at most. Never rejects. */
export async function askHost<T>(
  host: PostgresHost,
  withinMs: number,
  ask: (client: HostClient) => Promise<T>,
): Promise<T | Away> {
  const client = new HostClient({ connectionString: host.url, connectionTimeoutMillis: withinMs });
  client.on('error', () => undefined); // the query under way rejects
  const answer = async () => {
    await client.connect();
    return ask(client);
  };
  try {
    return await withDeadline(answer(), withinMs, 'its answer');
  } catch (error) {
    return { kind: 'away', why: error instanceof Error ? error.message : String(error) };
  } finally {
    void client.end().catch(() => undefined); // a dead link is not waited for
  }
}

/** By what the server said at connect; one that said nothing is asked. */
export async function isStandby(client: HostClient): Promise<boolean> {
  if (client.saidStandby !== null) return client.saidStandby;
  const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
  return rows[0]?.standby === true;
}

/**
 * It grows by one with each promotion: of two primaries the one with the higher is the younger. 0 where it cannot be told: some
 * managed databases have no such function.
 */
export async function timelineOf(client: HostClient): Promise<number> {
  const sql = 'SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline';
  const { rows } = await client.query<{ timeline: string }>(sql).catch(() => ({ rows: [] }));
  return Number.parseInt(rows[0]?.timeline ?? '0', 16);
}
