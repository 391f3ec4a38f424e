import type { Client } from 'pg';
import { type Lsn, parseLsn } from '../port/lsn.ts';

/**
 * How far the WAL is where a failover leaves it: on the primary's disk, and where a commit waits for standbys, on the disks of those too.
 * While no synchronous standby is there commits hang, and nothing is settled. A reader like us is no standby, although one that takes any
 * (`*`) counts it: we would wait for ourselves. Needs the role pg_monitor: without it PostgreSQL hides
 * what a standby has.
 */
export async function settledLsn(client: Pick<Client, 'query'>): Promise<Lsn> {
  const { rows } = await client.query<{ settled: string | null }>(`
    SELECT CASE WHEN current_setting('synchronous_standby_names') = '' THEN pg_current_wal_flush_lsn()
                ELSE (SELECT min(flush_lsn) FROM pg_stat_replication
                       WHERE sync_state IN ('sync', 'quorum')
                         AND pid NOT IN (SELECT active_pid FROM pg_replication_slots
                                          WHERE slot_type = 'logical' AND active_pid IS NOT NULL)) END::text AS settled`);
  const settled = rows[0]?.settled ?? null;
  return settled === null ? 0n : parseLsn(settled);
}
