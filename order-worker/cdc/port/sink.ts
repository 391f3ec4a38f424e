import { z } from 'zod';
import type { CdcEnvelope, CdcTable } from '#contract/cdc.ts';

/** One change on its way to a sink. */
export type CdcChange = {
  table: CdcTable;
  /** All changes of one order stay in their order. */
  orderId: string;
  envelope: CdcEnvelope;
};

/** How far a sink has come. It is kept in the sink itself, beside what it tells of: no other memory can disagree with it. */
export const sinkPositionSchema = z.object({
  generation: z.number().int().describe('grows by one with each snapshot that is begun: 1 at first'),
  snapshot: z
    .enum(['running', 'done'])
    .describe('running: its rows are not all there yet. A process that finds it so begins another generation'),
  lsn: z
    .string()
    .describe('all that was committed before this place in the WAL is in the sink: <high>/<low>, hexadecimal'),
  system: z.string().describe('of which database server: its system identifier'),
  timeline: z.number().int().describe('of which of its lives'),
  request: z
    .string()
    .nullable()
    .describe('the request of "seckill cdc snapshot" that led to this generation; null for the first'),
});
export type SinkPosition = z.output<typeof sinkPositionSchema>;

/** A row that the sink refuses for its own sake, too large for example: its key was written with the reason, in its place. */
export type SetAside = { change: CdcChange; why: string };

/** What was opened is not what is there any more: it is to be opened anew, and what it has compared anew. Nothing was taken. */
export class SinkChanged extends Error {}

/**
 * Where changes go. A sink that is away or full rejects with an Error that names it and says so in one line, as often as it is asked, and
 * has lost nothing: the same changes are handed in again. Doubles are allowed, gaps are not.
 */
export type CdcSink = {
  /** In words: 'files in /var/lib/seckill/cdc'. */
  readonly name: string;
  /** For how long changes are gathered before they are handed in, ms. */
  readonly gatherMs: number;
  /**
   * Throws ConfigError for what a person has to mend (a folder that cannot be written, a topic that is refused), an Error where the sink
   * is merely away. Another process may be writing at the same time: it notices nothing.
   */
  check: () => Promise<void>;
  /** By the process that leads, before it asks and writes; throws as `check` does. */
  open: () => Promise<void>;
  /** Null where nothing was ever written. */
  position: () => Promise<SinkPosition | null>;
  /**
   * Resolves when all of it survives the end of this process and of its machine: first the changes, then the position. Either may be
   * alone. Calls are never made side by side. Rejects with {@link SinkChanged} where trying again would be of no use.
   */
  write: (changes: readonly CdcChange[], position: SinkPosition | null) => Promise<{ setAside: readonly SetAside[] }>;
  close: () => Promise<void>;
};
