import { parseLsn } from './lsn.ts';
import type { SinkPosition } from './sink.ts';

/** The later of two, in any order of writing: a process that woke up late may write an older one. */
export function laterPosition(one: SinkPosition | null, other: SinkPosition): SinkPosition {
  if (one === null || one.generation < other.generation) return other;
  if (one.generation > other.generation) return one;
  if (one.snapshot !== other.snapshot) return one.snapshot === 'done' ? one : other;
  return parseLsn(other.lsn) >= parseLsn(one.lsn) ? other : one;
}
