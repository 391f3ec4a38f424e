import type { Client } from 'pg';
import type { SlotState } from './source.ts';

type Row = { confirmed: string | null; status: string | null; pid: number | null; application: string | null };

/** How the slot of that name stands. */
export async function readSlot(client: Pick<Client, 'query'>, slot: string): Promise<SlotState> {
  const { rows } = await client.query<Row>(
    `SELECT s.confirmed_flush_lsn::text AS confirmed, s.wal_status AS status, s.active_pid AS pid, a.application_name AS application
       FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = $1`,
    [slot],
  );
  const [row] = rows;
  if (row === undefined) return { kind: 'missing' };
  const holder = row.pid === null ? null : `pid ${row.pid}${row.application ? ` (${row.application})` : ''}`;
  const kind = row.status === 'lost' ? 'lost' : holder === null ? 'ready' : 'held';
  return { kind, confirmed: row.confirmed, holder };
}

/** Makes the slot where it is missing or lost. It waits for the transactions that are under way in the whole server. */
export async function makeSlot(client: Pick<Client, 'query'>, slot: string): Promise<void> {
  const state = await readSlot(client, slot);
  if (state.kind === 'lost') await client.query('SELECT pg_drop_replication_slot($1)', [slot]);
  else if (state.kind !== 'missing') return;
  try {
    await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  } catch (error) {
    // Patroni makes a slot that it knows as permanent; another process may have been faster.
    if (Reflect.get(Object(error), 'code') !== '42710') throw error;
  }
}
