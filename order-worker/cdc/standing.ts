import type { CdcReport, CdcState } from '#contract/cdc.ts';

/** How this process is doing: what its report, its metrics and its readiness tell. */
export type Standing = {
  state: CdcState;
  /** What hinders it, in one line; null when all is well. */
  trouble: string | null;
  /** Since when, Unix ms; null when all is well. */
  troubleSince: number | null;
  generation: number | null;
  position: string | null;
  written: number;
  setAside: number;
  request: string | null;
};

export const atFirst: Standing = {
  state: 'standing_by',
  ...{ trouble: null, troubleSince: null, generation: null, position: null, request: null, written: 0, setAside: 0 },
};

export const reportOf = (
  { troubleSince: _, ...standing }: Standing,
  own: Pick<CdcReport, 'instance' | 'sink' | 'lagSeconds' | 'at'>,
): CdcReport => ({ ...standing, ...own });

/** Trouble that may pass by itself is told after this time. */
const patienceMs = 10_000;

/** Why this process is not ready, or null. One that stands by is: it can do no more. */
export function unreadiness({ state, trouble, troubleSince }: Standing, nowMs: number): string | null {
  if (trouble === null || state === 'standing_by') return null;
  if (state === 'starting' || state === 'stopped') return trouble;
  return nowMs - (troubleSince ?? nowMs) >= patienceMs ? trouble : null;
}
