import { z } from 'zod';

/**
 * What the data team reads along: every change of the order tables, by PostgreSQL's logical replication. The columns are those of
 * the publication (infra/migrations/0013_cdc-publication.sql; a test compares), and all that the role of the readers may
 * select: no contact, no address (I10), no text of a third party, nothing that only our own processes work with.
 */
export const cdcNames = {
  publication: 'seckill_cdc',
  slot: 'seckill_cdc',
  /** Of those who run Debezium in the place of `seckill cdc run`. */
  debeziumSlot: 'seckill_debezium',
  /** Of the user that SECKILL_CDC_DATABASE_URL names in the local stack. */
  role: 'seckill_cdc',
} as const;

/**
 * How a column's value is written: `integer` as a JSON number (text beyond 2^53), `time` as ISO 8601 in UTC with six digits of a second, `json` as the text
 * that PostgreSQL has, all else as a string.
 */
export type CdcType = 'text' | 'integer' | 'time' | 'json';

type CdcTableShape = {
  /** The primary key. */
  key: string;
  /** The column that says of which order a row is. */
  orderId: string;
  columns: Readonly<Record<string, CdcType>>;
};

export const cdcTables = {
  orders: {
    key: 'id',
    orderId: 'id',
    columns: {
      id: 'text',
      sale_id: 'text',
      user_id: 'text',
      quantity: 'integer',
      place: 'integer',
      state: 'text',
      amount: 'integer',
      currency: 'text',
      pay_by: 'time',
      version: 'integer',
      accepted_at: 'time',
      created_at: 'time',
      updated_at: 'time',
    },
  },
  order_events: {
    key: 'seq',
    orderId: 'order_id',
    columns: { seq: 'integer', order_id: 'text', version: 'integer', type: 'text', data: 'json', created_at: 'time' },
  },
  payments: {
    key: 'id',
    orderId: 'order_id',
    columns: {
      id: 'text',
      order_id: 'text',
      state: 'text',
      amount: 'integer',
      currency: 'text',
      provider_id: 'text',
      created_at: 'time',
      updated_at: 'time',
      declined: 'text',
      taken_by: 'text',
    },
  },
  refunds: {
    key: 'id',
    orderId: 'order_id',
    columns: {
      id: 'text',
      payment_id: 'text',
      order_id: 'text',
      state: 'text',
      reason: 'text',
      amount: 'integer',
      currency: 'text',
      provider_id: 'text',
      created_at: 'time',
      updated_at: 'time',
    },
  },
} as const satisfies Record<string, CdcTableShape>;

export type CdcTable = keyof typeof cdcTables;
export const cdcTableNames = Object.keys(cdcTables) as CdcTable[]; // the table's own keys

/** A row as it is written: its published columns, and those that a newer database publishes beside them, as text. */
export type CdcRow = Readonly<Record<string, string | number | null>>;

/** The key columns of a row alone: what is known of one that was deleted, or that a sink refused. */
export function keyOf(table: CdcTable, row: CdcRow): CdcRow {
  const { key, orderId } = cdcTables[table];
  const names: ReadonlySet<string> = new Set([key, orderId]);
  return Object.fromEntries(Object.entries(row).filter(([name]) => names.has(name)));
}

/** `c` inserted, `u` updated, `d` deleted, `r` read by a snapshot: Debezium's letters. */
export const cdcOps = ['c', 'u', 'd', 'r'] as const;
export type CdcOp = (typeof cdcOps)[number];

/**
 * One change of one row, in Debezium's envelope. At least once: of one row the change with the highest
 * (`generation`, `lsn`, `seq`) counts, compared in this order; equal ones are the same change, written twice.
 */
export type CdcEnvelope = {
  /** The row's primary key where it was deleted; else null: PostgreSQL logs no more of a row as it was. */
  before: CdcRow | null;
  /** The row as it is now; null where it was deleted. */
  after: CdcRow | null;
  op: CdcOp;
  /** When it was read, Unix ms. */
  ts_ms: number;
  source: {
    connector: 'seckill';
    /** The topics' prefix. */
    name: 'seckill';
    db: string;
    schema: 'public';
    table: CdcTable;
    /** When its transaction was committed, Unix ms; of a snapshot, when that was begun. */
    ts_ms: number;
    /** Of a row of a snapshot `true`, else `false`: texts, as Debezium has them. */
    snapshot: 'true' | 'false';
    /** Null in a snapshot. */
    txId: number | null;
    /** Where its transaction's commit stands in the WAL, a whole number below 2^53; of a snapshot, where that was taken. */
    lsn: number;
    /** The how many-th change of its transaction this is, from 1; 0 in a snapshot. */
    seq: number;
    /** The how many-th snapshot this is, or follows: 1 at first. */
    generation: number;
  };
  /** Only where the sink refused the row: why. `after` then has its key and its order id alone; the database has it all. */
  setAside?: string;
};

/** Kafka: a topic a table, keyed by the order id; and one, of one partition and compacted, that says how far all of it has come. */
export const cdcTopic = (table: CdcTable): string => `seckill.${table}`;
export const cdcPositionTopic = 'seckill.cdc';

export const cdcSinkNames = ['files', 'kafka'] as const;
export type CdcSinkName = (typeof cdcSinkNames)[number];

/**
 * How a process of `seckill cdc run` is doing.
 *
 * standing_by  another process leads
 * starting     it leads, and has not reached the database or the sink yet
 * snapshot     it reads the tables from the beginning
 * streaming    it writes each change as it is committed
 * stopped      it leads and writes nothing until a person does something: `trouble` says what
 */
export const cdcStates = ['standing_by', 'starting', 'snapshot', 'streaming', 'stopped'] as const;
export type CdcState = (typeof cdcStates)[number];

/** What each process says of itself, in its ephemeral node, every 2 s where something changed. */
export const cdcReportSchema = z.object({
  instance: z.string(),
  state: z.enum(cdcStates),
  /** In words: 'files in /var/lib/seckill/cdc'. */
  sink: z.string(),
  /** Why nothing is written at the moment, in one line that says what to do; null when all is well. */
  trouble: z.string().nullable(),
  /** See {@link CdcEnvelope}; null before the first snapshot. */
  generation: z.number().int().nullable(),
  /** All that was committed before it is in the sink: `16/B374D848`. */
  position: z.string().nullable(),
  /** How old the oldest change is that is not in the sink yet, s; 0 where there is none. */
  lagSeconds: z.number(),
  /** Changes in the sink since this process began to lead; rows, during a snapshot. */
  written: z.number().int(),
  /** Rows that the sink refused since then. */
  setAside: z.number().int(),
  /** The last request of `seckill cdc snapshot` whose snapshot is in the sink as a whole. */
  request: z.string().nullable(),
  at: z.number().int().describe('Unix ms'),
});
export type CdcReport = z.output<typeof cdcReportSchema>;

/** A change is in the sink within seconds. */
export const maxCdcLagSeconds = 60;
/** Below a fifth of what a slot may keep its loss is near. */
const leastLeft = 0.2;

/** Of what a slot keeps on PostgreSQL's disk, and how much more it may keep, bytes; null where that is not known, or has no limit. */
export function isSlotNearLoss({
  keptBytes,
  leftBytes,
}: {
  keptBytes: number | null;
  leftBytes: number | null;
}): boolean {
  return keptBytes !== null && leftBytes !== null && leftBytes < (keptBytes + leftBytes) * leastLeft;
}

/**
 * Which sink has had all tables, and of which generation: what tells a sink that was emptied, or whose disk is not mounted, from a new
 * one. A node that lasts, written when a snapshot is done.
 */
export const cdcFilledSchema = z.object({
  sink: z.string(),
  generation: z.number().int(),
  /** The request that led to it: it asks for nothing any more, although its node is there. Null for the first. */
  request: z.string().nullable().default(null),
  /**
   * The place up to which the sink had changes when the database's log was found to end before it; null where it never was. The log grows
   * past that place again, and then nothing else tells that it had gone back.
   */
  wentBackFrom: z.string().nullable().default(null),
});
export type CdcFilled = z.output<typeof cdcFilledSchema>;

/** What `seckill cdc snapshot` asks for; it stays until another one takes its place. */
export const cdcRequestSchema = z.object({ id: z.string(), at: z.number().int().describe('Unix ms') });
export type CdcRequest = z.output<typeof cdcRequestSchema>;
