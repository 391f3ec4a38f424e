import type { PublicSale, SaleState } from '#contract/sale.ts';

/** The question is asked this long before the opening, so that the answer's ticket outlives the wait. */
const prepareMs = 240_000;

/** The same for a sale that gives its questions out later than that. */
export const prepareMsOf = (leadSeconds: number | null): number =>
  leadSeconds === null ? prepareMs : Math.min(prepareMs, leadSeconds * 1000);

/** What the last answer means by now: the clock opens and closes a sale without asking anyone. */
export function stateAt(sale: PublicSale, nowMs: number): SaleState {
  if (sale.state === 'draft' || sale.state === 'closed') return sale.state;
  if (nowMs >= Date.parse(sale.closesAt)) return 'closed';
  if (sale.state === 'upcoming' && nowMs >= Date.parse(sale.opensAt)) return 'open';
  return sale.state;
}

/** So many looks right at the start, a second apart: the clock goes by the best of them. */
const firstLooks = 3;

/** When to ask again: seldom while nothing can happen, often around the opening, and never in step with the others. */
export function nextPollMs(sale: PublicSale, nowMs: number, looks: number, random: () => number): number {
  const jittered = (ms: number) => ms * (0.7 + random() * 0.6);
  if (looks < firstLooks) return jittered(1000);
  const state = stateAt(sale, nowMs);
  if (state === 'closed') return jittered(60_000);
  if (state === 'draft') return jittered(8000);
  if (state !== 'upcoming') {
    if (sale.state === 'upcoming') return jittered(1000);
    // The first minute is when it sells out, and when units come back.
    return jittered(nowMs - Date.parse(sale.opensAt) < 60_000 ? 2500 : 4500);
  }
  const leftMs = Date.parse(sale.opensAt) - nowMs;
  const calm = leftMs > 600_000 ? 60_000 : leftMs > 60_000 ? 15_000 : 5000;
  return Math.min(jittered(calm), leftMs + random() * 500);
}
