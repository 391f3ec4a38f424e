import type { CdcEnvelope, CdcTable } from '#contract/cdc.ts';

/** One change on its way to a sink. */
export type CdcChange = {
  table: CdcTable;
  /** All changes of one order stay in their order. */
  orderId: string;
  envelope: CdcEnvelope;
};

/** How far a sink has come. It is kept in the sink itself, beside what it tells of: no other memory can disagree with it. */
export type SinkPosition = {
  /** Grows by one with each snapshot that is begun: 1 at first. */
  generation: number;
  /** `running`: its rows are not all there yet. A process that finds it so begins another generation. */
  snapshot: 'running' | 'done';
  /** All that was committed before this place in the WAL is in the sink; `<high>/<low>` in hexadecimal digits. */
  lsn: string;
  /** Of which database server, and of which of its lives: its system identifier, and its timeline. */
  system: string;
  timeline: number;
  /** The request of `seckill cdc snapshot` that led to this generation; null for the first one. */
  request: string | null;
};

/** A row that the sink refuses for its own sake, too large for example: its key was written with the reason, in its place. */
export type SetAside = { change: CdcChange; why: string };

/**
 * Where changes go. A sink that is away or full rejects with an Error that says so in one line, as often as it is asked, and
 * has lost nothing: the same changes are handed in again. Doubles are allowed, gaps are not.
 */
export type CdcSink = {
  /** In words: 'files in /var/lib/seckill/cdc'. */
  readonly name: string;
  /** So long changes are gathered before they are handed in, ms. */
  readonly gatherMs: number;
  /**
   * Before everything else. Throws ConfigError for what a person has to mend (no such folder, a topic that is refused), else an Error.
   */
  open: () => Promise<void>;
  /** Null where nothing was ever written. */
  position: () => Promise<SinkPosition | null>;
  /**
   * Resolves when all of it survives the end of this process and of its machine: first the changes, then the position. Either may be
   * alone. Calls are never made side by side.
   */
  write: (changes: readonly CdcChange[], position: SinkPosition | null) => Promise<{ setAside: readonly SetAside[] }>;
  close: () => Promise<void>;
};
