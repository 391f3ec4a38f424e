import { setTimeout as wait } from 'node:timers/promises';
import { type ProcessorTime, readProcessorTime, usedBetween, type Watched } from './processor-time.ts';

/** One step of one crowd: µs of processor time a shopper by process, its answers, and how many a process behind nginx gave. */
export type Step = { micros: ProcessorTime; answers: number; passedOn: number };
export type Meter = ReturnType<typeof createMeter>;

/** The share of a processor that each process takes while no shopper is there: gauges, beats, looks at the queue. */
export async function measureRest(processes: readonly Watched[], ms: number): Promise<ProcessorTime> {
  const [before, startedAt] = [readProcessorTime(processes), performance.now()];
  await wait(ms);
  const [after, tookMs] = [readProcessorTime(processes), performance.now() - startedAt];
  return mapOf(usedBetween(before, after), (_, micros) => micros / 1000 / tookMs);
}

/** Books what a crowd costs, step by step, less what the processes take at rest. */
export function createMeter(processes: readonly Watched[], resting: ProcessorTime) {
  const steps: Record<string, Step> = {};
  return {
    steps,
    /** A step that was booked before grows by what `work` costs. */
    async book<T>(name: string, shoppers: number, work: () => Promise<T>): Promise<T> {
      const [before, startedAt] = [readProcessorTime(processes), performance.now()];
      const result = await work();
      const tookMicros = (performance.now() - startedAt) * 1000;
      const sofar = steps[name];
      const micros = mapOf(usedBetween(before, readProcessorTime(processes)), (process, used) => {
        const spent = used - (resting[process] ?? 0) * tookMicros;
        return spent / shoppers + (sofar?.micros[process] ?? 0);
      });
      steps[name] = { answers: 0, passedOn: 0, ...sofar, micros };
      return result;
    },
    count(name: string, answers: number, passedOn: number): void {
      const step = steps[name];
      if (step === undefined) throw new Error(`${name} was not booked`);
      step.answers += answers;
      step.passedOn += passedOn;
    },
  };
}

function mapOf(times: ProcessorTime, value: (name: string, micros: number) => number): ProcessorTime {
  return Object.fromEntries(Object.entries(times).map(([name, micros]) => [name, value(name, micros)]));
}
