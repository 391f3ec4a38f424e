import type { CdcChange } from '../port/sink.ts';

/**
 * The slot that keeps the WAL for us.
 *
 * missing  there is none: never made, or a standby was promoted that did not have it
 * ready    its changes can be read
 * held     another connection reads them: `holder` says which
 * lost     it was unread for too long (max_slot_wal_keep_size), and its changes are gone
 */
export type SlotState =
  | { kind: 'missing' }
  | { kind: 'ready' | 'held' | 'lost'; confirmed: string | null; holder: string | null };

/** Which database server this is, where its WAL ends, and how it has come there. LSNs are `<high>/<low>` in hexadecimal digits. */
export type ServerState = { system: string; timeline: number; end: string };

/** What was committed since, whole transactions alone. */
export type Gathered = {
  changes: readonly CdcChange[];
  /** All that was committed before this is in what `next` has returned: `acknowledge` it when the sink has that. */
  lsn: string;
};

/** The changes as they are committed, from the slot. */
export type CdcStream = {
  /**
   * Waits until something was committed, then gathers for `gatherMs`, or until `maxChanges` are there. Without changes it comes back when
   * the slot can be moved on past other tables' WAL, and every 10 s. What a failover could still take back is not returned before the
   * synchronous standby has it. Rejects when the connection is gone; the stream is over then.
   */
  next: (options: { gatherMs: number; maxChanges: number }) => Promise<Gathered>;
  /** The server may forget all that was committed before it. */
  acknowledge: (lsn: string) => void;
  /** How old the oldest change is that came and was not acknowledged yet, s; 0 where there is none. */
  lagSeconds: () => number;
  close: () => Promise<void>;
};

/** PostgreSQL, as the CDC process reads it. Its connections go to the primary of the URL's hosts. */
export type CdcSource = {
  /**
   * Lines that say what a person has to mend before anything can be read, and how: wal_level, no publication or one of other
   * columns, a role that may not replicate or select, a server older than 15. Empty when all is well. Rejects when PostgreSQL is away.
   */
  prerequisites: () => Promise<string[]>;
  server: () => Promise<ServerState>;
  /** Where the server left this timeline for a later one; null when it never was on it, or is still. */
  timelineEnd: (timeline: number) => Promise<string | null>;
  slot: () => Promise<SlotState>;
  /** Makes the slot where it is missing or lost. Its place is before all that a later `snapshot` reads. */
  makeSlot: () => Promise<void>;
  /**
   * Reads all tables as they were at one moment, by the snapshot that a temporary slot exports, and hands the rows in by parts; the next
   * part is read when the last is done with. Returns the place in the WAL of that moment: a stream from there goes on without a gap.
   */
  snapshot: (options: {
    generation: number;
    signal: AbortSignal;
    onRows: (changes: readonly CdcChange[]) => Promise<void>;
  }) => Promise<{ lsn: string }>;
  /** From `from`, or from where the slot stands when that is later. Rejects when another connection holds the slot. */
  stream: (options: { from: string; generation: number }) => Promise<CdcStream>;
  close: () => Promise<void>;
};
