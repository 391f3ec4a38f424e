import type { SaleNode } from '#contract/sale.ts';

/** A sale as ZooKeeper lists it, open all day on 11 November 2026; `changes` replace fields. */
export const saleNode = (changes: Partial<SaleNode> = {}): SaleNode => ({
  saleId: 'tea',
  title: 'Tea set',
  price: { amount: 1, currency: 'CNY' },
  challenge: 'quiz',
  state: 'open',
  epoch: 1,
  window: { opensAt: '2026-11-11T00:00:00.000Z', closesAt: '2026-11-12T00:00:00.000Z' },
  limits: { perUser: 1 },
  ...changes,
});
