import { mapOf, type ProcessorTime, readProcessorTime, usedBetween, type Watched } from '../kit/processor-time.ts';

/** One step of one crowd: µs of processor time a shopper by process, its answers, and how many a process behind nginx gave. */
export type Step = { micros: ProcessorTime; answers: number; passedOn: number };
export type Meter = ReturnType<typeof createMeter>;

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
