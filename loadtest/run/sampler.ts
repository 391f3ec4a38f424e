import { setTimeout as wait } from 'node:timers/promises';

/** What was read at one moment, by series; null where nobody answered. Counters ever grow, gauges are what they are. */
export type Reading = { counters: Record<string, number>; gauges: Record<string, number> };
export type Reader = () => Promise<Reading>;
export type Sample = Reading & { atMs: number };

/**
 * Asks every reader once a second until it is stopped. A reader that fails or is slow leaves a gap, and the others go
 * on. `onSample` sees the newest and the one before.
 */
export function startSampler(options: {
  readers: readonly Reader[];
  everyMs?: number;
  deadlineMs?: number;
  onSample?: (sample: Sample, before: Sample | undefined) => void;
}): { samples: Sample[]; stop: () => Promise<void> } {
  const { readers, everyMs = 1000, deadlineMs = 900, onSample } = options;
  const samples: Sample[] = [];
  const stopped = new AbortController();
  const nothing: Reading = { counters: {}, gauges: {} };

  async function read(reader: Reader): Promise<Reading> {
    const late = wait(deadlineMs, nothing, { ref: false });
    return Promise.race([reader().catch(() => nothing), late]); // a gap in the chart is what there is to say
  }

  async function run(): Promise<void> {
    let next = performance.now();
    while (!stopped.signal.aborted) {
      const atMs = Date.now();
      const readings = await Promise.all(readers.map(read));
      const sample: Sample = {
        atMs,
        counters: Object.assign({}, ...readings.map(({ counters }) => counters)) as Sample['counters'],
        gauges: Object.assign({}, ...readings.map(({ gauges }) => gauges)) as Sample['gauges'],
      };
      onSample?.(sample, samples.at(-1));
      samples.push(sample);
      next = Math.max(next + everyMs, performance.now());
      await wait(Math.max(1, next - performance.now()), undefined, { signal: stopped.signal }).catch(() => {}); // stopped: done
    }
  }

  const running = run();
  return {
    samples,
    stop: async () => {
      stopped.abort();
      await running;
    },
  };
}
