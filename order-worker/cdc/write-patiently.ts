import { type GrowingWait, growingWaitMs } from '#runtime/growing-wait.ts';
import { type CdcChange, type CdcSink, SinkChanged, type SinkPosition } from './port/sink.ts';

const waits: GrowingWait = { tries: 8, firstMs: 100, longestMs: 10_000 };

/** This process may write no more: it has lost its office, or it is being ended. */
export class NoLongerWriting extends Error {}

/**
 * Hands the same changes to the sink until it takes them. Before each try `mayWrite` is asked: a process that leads no more leaves them
 * to the next one, which reads them again. Returns how many rows the sink refused for their own sake. Rejects with {@link SinkChanged}
 * as the sink does.
 */
export async function writePatiently(options: {
  sink: CdcSink;
  changes: readonly CdcChange[];
  position: SinkPosition | null;
  mayWrite: () => boolean;
  /** Resolves after that time, or when the process is to stop. */
  rest: (ms: number) => Promise<void>;
  onFailure: (error: Error, attempt: number) => void;
  random: () => number;
}): Promise<number> {
  const { sink, changes, position, mayWrite, rest, onFailure, random } = options;
  for (let attempt = 1; ; attempt += 1) {
    if (!mayWrite()) throw new NoLongerWriting('this process leads no more');
    try {
      return (await sink.write(changes, position)).setAside.length;
    } catch (error) {
      if (error instanceof SinkChanged) throw error;
      onFailure(error instanceof Error ? error : new Error(String(error)), attempt);
      await rest(growingWaitMs(waits, Math.min(attempt, waits.tries - 1), random));
    }
  }
}
