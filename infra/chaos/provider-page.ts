import { setTimeout as wait } from 'node:timers/promises';
import type { PageAct } from '../payment-sandbox/ledger.ts';

/** The provider's page that a payment's shopper was sent to; null where the press was enough. */
export function pageOf(next: unknown): string | null {
  if (typeof next !== 'object' || next === null) return null;
  const to = { url: null, text: null, ...next };
  return to.url ?? to.text;
}

/** A shopper acts on the page of a payment, again while nobody answers: the provider may be down. Afterwards they come back. */
export async function actOnPage(page: string, act: PageAct, endsAt: number): Promise<void> {
  while (performance.now() < endsAt) {
    const answer = await fetch(page, {
      ...{ method: 'POST', body: new URLSearchParams({ act }), redirect: 'manual' },
      signal: AbortSignal.timeout(3000),
    }).catch(() => null);
    if (answer !== null && answer.status < 400) return;
    await wait(200);
  }
}
