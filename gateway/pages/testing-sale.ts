import type { PageSale } from './frame.ts';

/** A sale for tests: open since a minute before `now`, for two hours. */
export function testingSale(saleId: string, now: Date, change: Partial<PageSale> = {}): PageSale {
  const at = (minutes: number) => new Date(now.getTime() + minutes * 60_000).toISOString();
  return {
    saleId,
    title: 'Porcelain tea set',
    price: { amount: 199_900, currency: 'CNY' },
    challenge: 'quiz',
    state: 'open',
    epoch: 1,
    window: { opensAt: at(-1), closesAt: at(120) },
    limits: { perUser: 1 },
    ...change,
  };
}
