import {
  endedChildrenMicros,
  type ProcessorTime,
  readProcessorTime,
  usedBetween,
  usedWithEnded,
  type Watched,
} from './processor-time.ts';

/** The processor time of each process while `work` ran, in µs, with `loader` as what `work`'s own children used. */
export async function measured<T>(
  processes: readonly Watched[],
  work: () => Promise<T>,
): Promise<{ result: T; tookMs: number; used: ProcessorTime & { loader: number } }> {
  const postgres = processes.find(({ role }) => role === 'postgres')?.pid ?? 0;
  const ended = () => ({ postgres: endedChildrenMicros(postgres), loader: endedChildrenMicros(process.pid) });
  const [before, endedBefore, startedAt] = [readProcessorTime(processes), ended(), performance.now()];
  const result = await work();
  const [after, endedAfter, tookMs] = [readProcessorTime(processes), ended(), performance.now() - startedAt];
  const used = usedBetween(before, after);
  used.postgres = usedWithEnded('postgres', before, after, endedAfter.postgres - endedBefore.postgres);
  return { result, tookMs, used: { ...used, loader: endedAfter.loader - endedBefore.loader } };
}
