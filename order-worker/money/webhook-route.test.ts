import { expect, test } from 'vitest';
import type { EventOutcome } from './money-desk.ts';
import type { ProviderEvent } from './provider/provider.ts';
import { createWebhookApp } from './webhook-route.ts';

test('each genuine webhook that moved nothing has a line of its own, with its ids and no text of any length', async () => {
  const money = { amount: 1, currency: 'CNY', providerId: 'sbp_1' };
  const payment = { ...money, state: 'succeeded', next: { kind: 'none' }, declined: null, reason: null } as const;
  const refund = { ...money, refundId: 'ref_1', paymentId: 'pay_r', state: 'succeeded' } as const;
  const calls: [ProviderEvent, EventOutcome][] = [
    ...[1, 2, 3].map((nth): [ProviderEvent, EventOutcome] => [
      { id: `e${nth}`, kind: 'payment', payment: { ...payment, paymentId: `pay_${nth}` } },
      { kind: 'unknown' },
    ]),
    [
      { id: 'e4', kind: 'refund', refund },
      { kind: 'mismatch', orderId: 'tea-1', says: '1 CNY instead of 2 CNY' },
    ],
    [
      { id: 'e6', kind: 'refund_failed', refund: { ...refund, reason: 'lost' } },
      { kind: 'refund_failed', orderId: 'tea-1', says: 'it is succeeded here: lost' },
    ],
    [{ id: 'e'.repeat(10_000), kind: 'unreadable' }, { kind: 'unreadable' }],
    [{ id: 'e5', kind: 'other', type: 'payout' }, { kind: 'passed_over' }],
  ];
  let next = calls[0];
  const lines: Record<string, unknown>[] = [];
  const app = createWebhookApp({
    provider: { readEvent: () => ({ kind: 'event', event: next?.[0] ?? { id: '', kind: 'unreadable' } }) },
    desk: { takeEvent: async () => next?.[1] ?? { kind: 'unreadable' } },
    now: () => 0,
    logger: { error: (fields: object) => lines.push({ ...fields }) },
    onWebhook: () => undefined,
  });
  for (const call of calls) {
    next = call;
    expect((await app.request('/api/payments/webhook', { method: 'POST', body: '{}' })).status).toBe(200);
  }
  expect(lines).toEqual([
    ...[1, 2, 3].map((nth) => ({ eventId: `e${nth}`, paymentId: `pay_${nth}`, providerId: 'sbp_1' })),
    {
      ...{ eventId: 'e4', refundId: 'ref_1', paymentId: 'pay_r', providerId: 'sbp_1' },
      ...{ orderId: 'tea-1', says: '1 CNY instead of 2 CNY' },
    },
    {
      ...{ eventId: 'e6', refundId: 'ref_1', paymentId: 'pay_r', providerId: 'sbp_1' },
      ...{ orderId: 'tea-1', says: 'it is succeeded here: lost' },
    },
    { eventId: `${'e'.repeat(128)}…` },
  ]);
});

test('a provider is handed the body as it came, a form too, and a genuine call is answered as the provider wants', async () => {
  const bodies: string[] = [];
  const app = createWebhookApp({
    provider: {
      readEvent: ({ body }) => {
        bodies.push(body);
        if (body === '') return { kind: 'refused', why: 'signature' };
        return { kind: 'event', event: { id: 'e', kind: 'other', type: 't' } };
      },
      webhookReply: { body: 'success', type: 'text/plain' },
    },
    desk: { takeEvent: async () => ({ kind: 'passed_over' }) },
    now: () => 0,
    logger: { error: () => undefined },
    onWebhook: () => undefined,
  });
  const ask = async (body: string) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const answer = await app.request('/api/payments/webhook', { method: 'POST', headers, body });
    return [answer.status, answer.headers.get('content-type'), answer.status === 200 ? await answer.text() : null];
  };
  expect(await ask('subject=%E6%89%8B%E6%9C%BA+1&sign=a%2Bb%3D')).toEqual([200, 'text/plain', 'success']);
  expect(await ask('')).toEqual([401, 'application/problem+json', null]);
  expect(bodies).toEqual(['subject=%E6%89%8B%E6%9C%BA+1&sign=a%2Bb%3D', '']);
});
