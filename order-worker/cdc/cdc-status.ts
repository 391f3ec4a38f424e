import { type CdcReport, type CdcRequest, cdcNames, isSlotNearLoss, maxCdcLagSeconds } from '#contract/cdc.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { readCdcReports, readCdcRequest } from './report.ts';
import { judgePublication } from './source/prerequisites.ts';

/** The slot, as the primary has it. Bytes are of WAL. */
export type CdcSlotStatus = {
  /** Which connection reads it; null while none does. */
  reader: string | null;
  isLost: boolean;
  /** What is committed, and not acknowledged by the reader. */
  behindBytes: number | null;
  /** What the slot keeps on the disk of the primary. */
  keptBytes: number | null;
  /** How much more it may keep before it is lost; null without a limit. */
  leftBytes: number | null;
};

/** All that is known of the data team's copy. A part is null where its server did not answer; `away` says which, and why. */
export type CdcStatus = {
  /** Lines that say what it lacks; empty when it is as this version reads it. */
  publication: string[] | null;
  /** `none`: there is no slot. */
  slot: CdcSlotStatus | 'none' | null;
  processes: CdcReport[] | null;
  request: CdcRequest | null;
  away: string[];
};

type SlotRow = { pid: number | null; application: string | null; status: string | null } & Omit<
  CdcSlotStatus,
  'reader' | 'isLost'
>;

export async function readCdcStatus(deps: {
  pool: Pick<Pool, 'query'>;
  zookeeper: Pick<ZooKeeper, 'read' | 'children'>;
}): Promise<CdcStatus> {
  const { pool, zookeeper } = deps;
  const away: string[] = [];
  const orNull = async <T>(server: string, work: Promise<T>): Promise<T | null> =>
    work.catch((error: unknown) => {
      away.push(`${server}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    });
  const database = Promise.all([judgePublication(pool, cdcNames.publication), readSlotStatus(pool)]);
  const processes = Promise.all([readCdcReports(zookeeper), readCdcRequest(zookeeper)]);
  const [stored, told] = await Promise.all([orNull('PostgreSQL', database), orNull('ZooKeeper', processes)]);
  return {
    publication: stored?.[0] ?? null,
    slot: stored?.[1] ?? null,
    processes: told?.[0] ?? null,
    request: told?.[1] ?? null,
    away,
  };
}

async function readSlotStatus(pool: Pick<Pool, 'query'>): Promise<CdcSlotStatus | 'none'> {
  const { rows } = await pool.query<SlotRow>(
    `SELECT s.active_pid AS pid, a.application_name AS application, s.wal_status AS status, s.safe_wal_size::float8 AS "leftBytes",
            pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)::float8 AS "behindBytes",
            pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::float8 AS "keptBytes"
       FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = $1`,
    [cdcNames.slot],
  );
  const [row] = rows;
  if (row === undefined) return 'none';
  const { pid, application, status, ...bytes } = row;
  return {
    reader: pid === null ? null : `${application ?? 'a connection'} (pid ${pid})`,
    isLost: status === 'lost',
    ...bytes,
  };
}

/** What is wrong, a line each, with the command that mends it; empty when all is well, or none of it is in use. */
export function cdcTroubles({ publication, slot, processes, away }: CdcStatus): string[] {
  const leader = processes?.find(({ state }) => state !== 'standing_by');
  const isUsed = (slot !== null && slot !== 'none') || (processes ?? []).length > 0;
  const slotLines =
    slot === null || slot === 'none'
      ? []
      : [
          ...(slot.isLost ? ['the slot was not read for too long, and is lost: seckill cdc snapshot'] : []),
          ...(!slot.isLost && isSlotNearLoss(slot)
            ? ['the slot is about to be lost: see why it is not read (below), or raise max_slot_wal_keep_size']
            : []),
        ];
  return [
    ...away.map((line) => `no answer from ${line}`),
    ...(isUsed ? (publication ?? []) : []),
    ...slotLines,
    ...(processes !== null && slot !== null && slot !== 'none' && leader === undefined
      ? [
          'no process reads the slot, which keeps WAL on the disk of PostgreSQL: seckill cdc run, or seckill up --cdc files',
        ]
      : []),
    ...(leader?.trouble == null ? [] : [`${leader.instance}: ${leader.trouble}`]),
    ...(leader !== undefined &&
    leader.trouble === null &&
    leader.state === 'streaming' &&
    leader.lagSeconds > maxCdcLagSeconds
      ? [
          `${leader.instance} is ${Math.round(leader.lagSeconds)} s behind: see its log, and the disk or Kafka that it writes to`,
        ]
      : []),
    ...(leader !== undefined && leader.setAside > 0
      ? [
          `${leader.setAside} rows were refused by ${leader.sink}, and are there by their key alone: see the log of ${leader.instance}`,
        ]
      : []),
  ];
}
