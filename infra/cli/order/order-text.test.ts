import { expect, test } from 'vitest';
import type { OrderDossier } from '#order-worker/orders/order-dossier.ts';
import { orderText, personalText, remarksOn } from './order-text.ts';

const now = Date.parse('2026-11-11T00:01:00Z');
const order: OrderDossier['order'] = {
  state: 'awaiting_payment',
  version: 1,
  userId: 'ada',
  quantity: 1,
  place: 7,
  amount: 1999,
  currency: 'CNY',
  payBy: '2026-11-11T00:10:00.000Z',
  acceptedAt: '2026-11-11T00:00:00.000Z',
  storedAt: '2026-11-11T00:00:01.000Z',
  changedAt: '2026-11-11T00:00:01.000Z',
};
const stored: OrderDossier = {
  orderId: 'phone-1',
  saleId: 'phone',
  order,
  events: [{ seq: 1, version: 1, type: 'order.created', at: '2026-11-11T00:00:01.000Z', data: { id: 'phone-1' } }],
  payments: [],
  refunds: [],
  untold: [],
  details: null,
  reservation: {
    state: 'committed',
    units: 1,
    place: 7,
    acceptedAt: Date.parse('2026-11-11T00:00:00Z'),
    userId: 'ada',
  },
  shown: { version: 1, state: 'awaiting_payment', payByMs: 0, amount: 1999, currency: 'CNY' },
  ahead: null,
  jobs: [],
  timer: { id: 'pay-by-1794355801', state: 'delayed', tries: 0, dueAt: '2026-11-11T00:10:01.010Z', reason: null },
  away: [],
};
const failedJob = { queue: 'orders', state: 'failed', tries: 10, dueAt: null, reason: 'x', chunk: null };
const held = { ...stored, order: null, events: [], timer: null, shown: null, ahead: 3 };
const heldReservation = stored.reservation === null ? null : { ...stored.reservation, state: 'held' as const };

test('an order that is as it should be has no remarks, and its history is one line an event', () => {
  expect(remarksOn(stored, now)).toEqual([]);
  expect(orderText(stored, now, null)).toBe(
    [
      'phone-1: awaiting_payment (version 1)',
      '  sale phone, user ada, 1 unit, 19.99 CNY',
      '  to be paid by 2026-11-11T00:10:00.000Z',
      '  reservation committed, place 7',
      '  timer pay-by-1794355801: delayed, due 2026-11-11T00:10:01.010Z',
      'AT                        WHAT',
      '2026-11-11T00:00:00.000Z  accepted       place 7',
      '2026-11-11T00:00:01.000Z  order.created  version 1',
    ].join('\n'),
  );
});

test.each<[string, Partial<OrderDossier>, RegExp]>([
  ['a dead letter', { jobs: [failedJob] }, /dlq show phone-1/],
  [
    'a chunk that an older worker gave up on',
    { jobs: [{ ...failedJob, chunk: { orders: 9, jobsAhead: 0 } }] },
    /tries it again by itself/,
  ],
  ['no timer', { timer: null }, /no timer yet/],
  [
    'a timer that was given up on',
    { timer: { id: 'pay-by-1', state: 'failed', tries: 5, dueAt: null, reason: 'x' } },
    /dlq show pay-by-1/,
  ],
  [
    'overdue without a timer',
    { timer: null, order: { ...order, payBy: '2026-11-11T00:00:30Z' } },
    /the sweep will expire it/,
  ],
  ['in line without a job', { ...held, reservation: heldReservation }, /no job has it/],
  ['a reservation without a row', { ...held, reservation: stored.reservation }, /seckill orders rebuild phone/],
  ['a row without a reservation', { reservation: null }, /seckill audit phone/],
  ['stock Redis is behind', { untold: [{ consumer: 'stock', version: 1 }] }, /has not been told/],
  ['the picture is behind', { order: { ...order, version: 2 } }, /still sees version 1 of 2/],
  ['a store that is away', { away: ['queue Redis: gone'] }, /did not answer, queue Redis: gone/],
])('%s is remarked on', (_name, change, remark) => {
  expect(remarksOn({ ...stored, ...change }, now).join('\n')).toMatch(remark);
});

test('a chunk is told with how many orders share it, and how many jobs are before it', () => {
  const chunk = { orders: 100, jobsAhead: 3 };
  const jobs = [{ queue: 'orders', state: 'waiting', tries: 0, dueAt: null, reason: null, chunk }];
  expect(orderText({ ...held, jobs }, now, null)).toContain(
    '  job in orders: waiting, a chunk of 100 orders with 3 jobs before it\n',
  );
});

test('what a store that is away would say is not guessed', () => {
  const dossier = { ...held, reservation: heldReservation, away: ['queue Redis: gone'] };
  expect(remarksOn(dossier, now)).toHaveLength(1);
});

test('contact and address are told of by --personal alone; else that they are there, and until when', () => {
  const details = { givenAt: '2026-11-11T00:02:00.000Z', eraseAt: '2027-05-10T00:02:00.000Z' };
  expect(orderText({ ...stored, details }, now, null)).toContain(
    '  contact and address given 2026-11-11T00:02:00.000Z, erased 2027-05-10T00:02:00.000Z: see them by --personal',
  );
  const address = { lines: ['人民路 1 号'], city: '上海', postalCode: '200001', country: 'CN' };
  expect(personalText({ name: 'Ada', phone: '+861380', address })).toBe(
    ['contact and address:', '  name     Ada', '  phone    +861380', '  address  人民路 1 号, 200001 上海, CN'].join(
      '\n',
    ),
  );
  expect(personalText(null)).toBe('contact and address: none are kept');
});
