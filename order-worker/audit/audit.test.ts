import { expect, test } from 'vitest';
import type { PaymentState, RefundReason } from '#contract/payment.ts';
import { parseReservation } from '#contract/reservation.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import type { StoredOrder } from '../orders/order-store.ts';
import { auditSale } from './audit.ts';
import type { MoneyRow } from './money.ts';

const sale: StockSale = {
  state: 'open',
  epoch: 2,
  opensAtMs: 0,
  closesAtMs: 1,
  limitPerUser: 1,
  total: 5,
  free: 2,
  returned: 0,
  committed: 2,
  skipped: 0,
  withheld: 0,
  fault: null,
};
const row = (
  orderId: string,
  userId: string,
  place: number,
  state: StoredOrder['state'] = 'awaiting_payment',
): StoredOrder => ({
  orderId,
  userId,
  quantity: 1,
  place,
  state,
  acceptedAt: 9,
});

/** One payment of an order, and its refund: `<state> <reason>`. */
function money(
  orderId: string,
  orderState: StoredOrder['state'],
  payment: PaymentState | null,
  refund?: `${'pending' | 'succeeded'} ${RefundReason}`,
  takenBy: 'provider' | 'shop' = 'provider',
): MoneyRow {
  const sum = { amount: 100, currency: 'CNY' };
  const [state, reason] = (refund?.split(' ') ?? []) as ['pending' | 'succeeded', RefundReason]; // as its type says
  return {
    orderId,
    orderState,
    order: sum,
    payment: payment === null ? null : { ...sum, paymentId: `pay-${orderId}`, state: payment, takenBy },
    refund: refund === undefined ? null : { ...sum, refundId: `ref-${orderId}`, state, reason },
  };
}

const noneAtTheShop = { atTheShop: { taken: 0, kept: 0, back: 0 } };

/** The buyers hash as the scripts would have it. */
function buyersOf(records: readonly string[]): Map<string, number> {
  const buyers = new Map<string, number>();
  for (const { state, userId, units } of records.map(parseReservation)) {
    if (state !== 'released') buyers.set(userId, (buyers.get(userId) ?? 0) + units);
  }
  return buyers;
}

/** Books that balance: two stored, one on its way, two free; `change` breaks them. */
function audit(
  change: {
    sale?: Partial<StockSale>;
    reservations?: Record<string, string>;
    rows?: ReturnType<typeof row>[];
    late?: string;
    buyers?: Map<string, number>;
    deadLetters?: string[];
    money?: MoneyRow[];
  },
  options = {},
) {
  const records = { a: 'c:1:1:9:u', b: 'c:1:2:9:v', c: 'h:1:3:9:w', ...change.reservations };
  return auditSale(
    {
      stock: {
        cut: async () => ({
          sale: { ...sale, ...change.sale },
          reservations: new Map(Object.entries(records).map(([id, text]) => [id, parseReservation(text)])),
          buyers: change.buyers ?? buyersOf(Object.values(records)),
        }),
        reservation: async (id) => (id === change.late ? parseReservation('h:1:4:9:x') : null),
      },
      store: { ofSale: async () => change.rows ?? [row('a', 'u', 1, 'paid'), row('b', 'v', 2)] },
      deadLetters: async () => change.deadLetters ?? [],
      money: async () => change.money ?? [money('a', 'paid', 'succeeded')],
    },
    'autumn',
    options,
  );
}
const failing = async (change: Parameters<typeof audit>[0]) =>
  (await audit(change))?.checks.filter((check) => !check.holds).map((check) => check.invariant);

test('books that balance name every unit', async () => {
  const report = await audit({});
  expect(report?.balanced).toBe(true);
  expect(report?.units).toEqual({ total: 5, free: 2, held: 1, unpaid: 1, paid: 1, refunding: 0, withheld: 0 });
  expect(report?.money).toEqual({ taken: 100, kept: 100, goingBack: 0, back: 0, ...noneAtTheShop });
});

test('the money is told in the digits of its currency, as prices are', async () => {
  const of = (currency: string) => {
    const paid = money('a', 'paid', 'succeeded');
    const sum = { amount: 1999, currency };
    return { ...paid, order: sum, payment: paid.payment && { ...paid.payment, ...sum } };
  };
  const told = async (rows: MoneyRow[]) => (await audit({ money: rows }))?.checks.at(-1)?.says;
  expect(await told([of('CNY')])).toBe(
    'no unit came back; money taken 19.99 = kept 19.99 + going back 0.00 + back 0.00 CNY',
  );
  expect(await told([of('JPY')])).toContain('money taken 1999 = kept 1999 + going back 0 + back 0 JPY');
  expect(await told([])).toBe('no unit came back; no money was taken');
});

test('a unit that is nowhere, or twice, breaks I1', async () => {
  expect(await failing({ sale: { free: 1 } })).toEqual(['I1']);
  expect(await failing({ sale: { free: 3 } })).toEqual(['I1']);
});

test('a user above the limit breaks I2', async () => {
  expect(await failing({ sale: { free: 1 }, reservations: { d: 'h:1:4:9:w' } })).toEqual(['I2']);
});

test('a committed order without a row breaks I3, a row without a reservation I4', async () => {
  expect(await failing({ rows: [row('a', 'u', 1)] })).toEqual(['I3']);
  expect(await failing({ rows: [row('a', 'u', 1), row('b', 'v', 2), row('ghost', 'x', 9)] })).toEqual(['I4']);
});

test('the differences that a command of their own puts right name it', async () => {
  const mends = async (change: Parameters<typeof audit>[0]) =>
    (await audit(change))?.differences.map(({ mend }) => mend);
  expect(await mends({ rows: [row('a', 'u', 1)] })).toEqual(['seckill orders rebuild autumn']);
  expect(await mends({ deadLetters: ['c'] })).toEqual(['seckill dlq list --queue orders']);
  expect(await mends({ sale: { committed: 1 } })).toEqual([undefined]);
});

test('an accepted order whose job was given up on breaks I3, and so does a count that is off', async () => {
  expect(await failing({ deadLetters: ['c', 'foreign'] })).toEqual(['I3']);
  expect(await failing({ sale: { committed: 99 } })).toEqual(['I3']);
});

test('a row younger than the cut is no difference', async () => {
  expect(await failing({ rows: [row('a', 'u', 1), row('b', 'v', 2), row('late', 'x', 4)], late: 'late' })).toEqual([]);
});

test('units that went back while the row lives break I1', async () => {
  expect(await failing({ sale: { free: 3, returned: 1 }, reservations: { b: 'r:1:2:9:v' } })).toEqual(['I1']);
});

test('a paid order whose units went back, or a unit that came back twice, breaks I6', async () => {
  expect(await failing({ sale: { free: 3, returned: 1 }, reservations: { a: 'r:1:1:9:u' } })).toEqual(['I6']);
  expect(await failing({ sale: { returned: 1 } })).toEqual(['I6']);
});

test('a buyer whose note differs from what the buyer holds breaks I2', async () => {
  expect(await failing({ buyers: new Map([['u', 1]]) })).toEqual(['I2']);
});

test('a difference of one unit is told as one', async () => {
  const told = async (change: Parameters<typeof audit>[0]) =>
    (await audit(change))?.differences.map(({ explains }) => explains);
  expect(await told({ buyers: new Map([['u', 1]]) })).toEqual([
    'user v holds 1 unit, but 0 are noted',
    'user w holds 1 unit, but 0 are noted',
  ]);
  expect(await told({ sale: { returned: 1 } })).toContain(
    '0 units of ended orders, but 1 was counted back and 0 withheld',
  );
  expect(await told({ sale: { committed: 1 } })).toEqual(['2 units are committed, but 1 was counted']);
});

test('each unit has an owner by name when asked for', async () => {
  const report = await audit({}, { owners: true });
  expect(report?.owners?.map(({ orderId, where }) => `${orderId} ${where}`)).toEqual(['a paid', 'b unpaid', 'c held']);
});

test('a row that disagrees with its reservation breaks I5', async () => {
  expect(await failing({ rows: [row('a', 'u', 1), row('b', 'somebody else', 2)] })).toEqual(['I5']);
  expect(await failing({ rows: [row('a', 'u', 1), row('b', 'v', 77)] })).toEqual(['I5']);
});

test('withheld units belong to nobody, are counted, and are named', async () => {
  const change = {
    sale: { free: 2, withheld: 1, committed: 3 },
    reservations: { d: 'r:1:4:9:x', c: 'c:1:3:9:w' },
    rows: [row('a', 'u', 1, 'paid'), row('b', 'v', 2), row('c', 'w', 3), row('d', 'x', 4, 'refunded')],
    money: [money('a', 'paid', 'succeeded'), money('d', 'refunded', 'succeeded', 'succeeded requested')],
  };
  expect(await failing({ ...change, sale: { ...change.sale, free: 1 } })).toEqual([]);
  expect(await failing(change)).toEqual(['I1']);
  expect(await failing({ ...change, sale: { free: 1, withheld: 0, committed: 3 } })).toEqual(['I1', 'I6']);
  const report = await audit({ ...change, sale: { ...change.sale, free: 1 } }, { owners: true });
  expect(report?.owners?.at(-1)).toMatchObject({ orderId: 'd', where: 'withheld' });
  expect(report?.checks[0]?.says).toContain('+ withheld 1');
});

test('money that is kept, on its way back and back is told apart, and adds up', async () => {
  const report = await audit({
    money: [
      money('a', 'paid', 'succeeded'),
      money('a', 'paid', 'failed'),
      money('a', 'paid', 'succeeded', 'pending paid_twice'),
      money('x', 'expired', 'succeeded', 'succeeded order_expired'),
      money('y', 'awaiting_payment', 'pending'),
      money('z', 'refunding', 'succeeded', 'pending requested'),
      money('w', 'refunded', 'succeeded', 'succeeded requested'),
    ],
  });
  expect(report?.money).toEqual({ taken: 500, kept: 100, goingBack: 200, back: 200, ...noneAtTheShop });
  expect(report?.balanced).toBe(true);
});

test('money that the shop took in its own checkout is counted apart, and adds up by itself', async () => {
  const shops = [
    money('a', 'paid', 'succeeded', undefined, 'shop'),
    money('w', 'refunded', 'succeeded', 'succeeded requested', 'shop'),
  ];
  const report = await audit({ money: [...shops, money('b', 'paid', 'succeeded')] });
  const atTheShop = { taken: 200, kept: 100, back: 100 };
  expect(report?.money).toEqual({ taken: 100, kept: 100, goingBack: 0, back: 0, atTheShop });
  const theirs = 'money taken at the shop 2.00 = kept 1.00 + back 1.00 CNY';
  const ours = 'money taken 1.00 = kept 1.00 + going back 0.00 + back 0.00 CNY';
  expect(report?.checks.at(-1)?.says).toContain(`; ${ours}; ${theirs}`);
  expect((await audit({ money: shops }))?.checks.at(-1)?.says).toBe(`no unit came back; ${theirs}`);
  expect(report?.balanced).toBe(true);
});

test.each<[string, MoneyRow[]]>([
  [
    'a refund that waits for a provider, of money that the shop took',
    [money('a', 'refunding', 'succeeded', 'pending requested', 'shop')],
  ],
  ['money for an order that is not kept, and no refund', [money('a', 'expired', 'succeeded')]],
  ['money for a cancelled order, and no refund', [money('a', 'cancelled', 'succeeded')]],
  ['a paid order without a payment', [money('a', 'paid', null)]],
  ['a paid order whose payment never came', [money('a', 'paid', 'pending')]],
  ['a paid order whose money went back', [money('a', 'paid', 'succeeded', 'succeeded paid_twice')]],
  [
    'an order that was paid twice, and nothing goes back',
    [money('a', 'paid', 'succeeded'), money('a', 'paid', 'succeeded')],
  ],
  [
    'a refund that went through, but the order is refunding',
    [money('a', 'refunding', 'succeeded', 'succeeded requested')],
  ],
  ['a refund that was asked for, but the order is paid', [money('a', 'paid', 'succeeded', 'pending requested')]],
  ['an order that is refunding without a refund', [money('a', 'refunding', 'succeeded')]],
  ['a refunded order whose refund did not go through', [money('a', 'refunded', 'succeeded', 'pending requested')]],
  ['a refund of money that never came', [money('a', 'expired', 'failed', 'pending order_expired')]],
  ['a payment of another amount', [{ ...money('a', 'paid', 'succeeded'), order: { amount: 99, currency: 'CNY' } }]],
  [
    'a refund of another amount',
    [
      {
        ...money('a', 'expired', 'succeeded'),
        refund: { amount: 1, currency: 'CNY', refundId: 'r', state: 'succeeded', reason: 'order_expired' },
      },
    ],
  ],
])('breaks I6: %s', async (_what, rows) => {
  expect(await failing({ money: rows })).toEqual(['I6']);
});
