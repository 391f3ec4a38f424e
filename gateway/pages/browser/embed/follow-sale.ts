import type { PublicSale } from '#contract/sale.ts';
import { createServerClock } from '../clock.ts';
import { stateAt } from '../sale-timing.ts';

const deadlineMs = 8000;
const longestWaitMs = 60_000;

/**
 * When to ask again: an element stands in many pages whose visitors came for something else, so it asks seldom, and never in
 * step with the others. Null: nothing can change any more.
 */
export function waitMs(
  sale: PublicSale | null,
  { nowMs, failures, random }: { nowMs: number; failures: number; random: () => number },
): number | null {
  const jittered = (ms: number) => ms * (0.7 + random() * 0.6);
  if (failures > 0 || sale === null) return jittered(Math.min(longestWaitMs, 2000 * 2 ** failures));
  const state = stateAt(sale, nowMs);
  if (state === 'closed') return null;
  const sinceMs = nowMs - Date.parse(sale.opensAt);
  if (state === 'upcoming') return Math.min(jittered(longestWaitMs), random() * 5000 - sinceMs);
  return jittered(state === 'open' && sinceMs < 60_000 ? 5000 : 15_000);
}

/** Asks for the sale while the page is looked at. `onLook` is called after each answer, or none, and on each of the server's seconds. */
export function followSale(address: string, onLook: (sale: PublicSale | null, nowMs: number) => void): () => void {
  const clock = createServerClock(() => performance.now(), Date.now());
  let sale: PublicSale | null = null;
  let failures = 0;
  let isAsking = false;
  let hasStopped = false;
  let asking: ReturnType<typeof setTimeout> | undefined;
  let ticking: ReturnType<typeof setTimeout> | undefined;

  async function ask(): Promise<void> {
    clearTimeout(asking);
    if (isAsking || hasStopped || document.hidden) return;
    isAsking = true;
    try {
      const sentMs = performance.now();
      const response = await fetch(address, { credentials: 'omit', signal: AbortSignal.timeout(deadlineMs) });
      if (!response.ok) throw new Error(String(response.status));
      sale = (await response.json()) as PublicSale; // the contract's word
      clock.learn(sale.now, sentMs, performance.now());
      failures = 0;
    } catch {
      failures += 1;
    }
    isAsking = false;
    if (hasStopped) return;
    onLook(sale, clock.now());
    const next = waitMs(sale, { nowMs: clock.now(), failures, random: Math.random });
    if (next !== null) asking = setTimeout(ask, next);
  }

  function tick(): void {
    clearTimeout(ticking);
    if (hasStopped || document.hidden) return;
    onLook(sale, clock.now());
    ticking = setTimeout(tick, 1000 - (clock.now() % 1000));
  }

  function look(): void {
    void ask();
    tick();
  }
  document.addEventListener('visibilitychange', look);
  look();
  return () => {
    hasStopped = true;
    clearTimeout(asking);
    clearTimeout(ticking);
    document.removeEventListener('visibilitychange', look);
  };
}
