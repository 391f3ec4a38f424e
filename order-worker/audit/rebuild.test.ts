import { expect, test } from 'vitest';
import type { StoredOrder } from '../orders/order-store.ts';
import { applyRebuild, planRebuild } from './rebuild.ts';

const row = (orderId: string, place: number, state: StoredOrder['state']): StoredOrder => ({
  orderId,
  userId: `user-${orderId}`,
  quantity: 1,
  place,
  state,
  acceptedAt: 9,
});
const rows = [row('a', 1, 'paid'), row('b', 2, 'expired'), row('c', 3, 'refunded')];
const unknown = async () => ({ kind: 'not_standing' as const });
/** A stock Redis that lost everything. */
const planOf = (sale: { units: number; restock: boolean }) =>
  planRebuild(
    {
      stock: { cut: async () => null, recount: unknown },
      store: { ofSale: async () => rows },
      queuedOrders: async () => [],
    },
    'autumn',
    sale,
  );

test.each([
  { restock: true, freeAfter: 4, wheres: ['shelf', 'shelf'] },
  { restock: false, freeAfter: 3, wheres: ['shelf', 'withheld'] },
])(
  'a rebuild puts refunded units where the sale’s file wants them, those of who goes meanwhile too: restock $restock',
  async (expected) => {
    const plan = await planOf({ units: 5, restock: expected.restock });
    expect(plan?.freeAfter).toBe(expected.freeAfter);
    expect(plan?.ended.map(({ where }) => where)).toEqual(expected.wheres);
    if (plan === null) throw new Error('no plan');
    const released: unknown[] = [];
    const mended = { kind: 'already' as const, state: 'paused' as const, epoch: 1 };
    const stock = {
      recount: async () => ({ kind: 'done' as const, free: 5, counts: [], buyers: [] }),
      pauseForFault: async () => mended,
      restore: async () => 'restored' as const,
      mend: async () => mended,
      release: async (_saleId: string, orderId: string, where?: string) => {
        released.push([orderId, where]);
        return { kind: 'already' as const };
      },
    };
    // `a` was paid when the plan was made, and went back before it was carried out.
    const store = { ofSale: async () => [row('a', 1, 'refunded'), ...rows.slice(1)] };
    expect(await applyRebuild({ stock, store }, plan)).toMatchObject({ restored: 1, refused: [] });
    expect(released).toEqual([
      ['b', 'shelf'],
      ['c', expected.wheres[1]],
      ['a', expected.wheres[1]],
    ]);
  },
);
