import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newPaymentId, newRefundId } from '#contract/payment.ts';
import {
  type PaymentProvider,
  type PaymentReference,
  type PaymentRequest,
  ProviderFault,
  type ProviderPayment,
} from '#order-worker/money/provider/provider.ts';

const within = { timeout: 45_000 };

type Webhook = { headers: Headers; body: string };

/** A provider to test, and how to make it do what only a provider can. */
export type ProviderUnderTest = {
  provider: PaymentProvider;
  /** The webhooks that came since this was asked last, as they came. */
  webhooks: () => Webhook[];
  /** A genuine call that brings this body, which may be anything; the body holds it where a signature is a part of the body. */
  sign: (body: string) => Webhook;
  /** True where the signature is a part of the body and covers no time: an old call is as genuine as a new one. */
  signsBodiesAlone?: boolean;
  /** Does what a shopper does with the payment's `next`, where the money does not come by itself. */
  shop?: (payment: ProviderPayment) => Promise<void>;
  /** Payments that begin from now on fail, or succeed again. */
  decline: (isDeclining: boolean) => Promise<void>;
  /** The provider cannot be reached, or can again. */
  away: (isAway: boolean) => Promise<void>;
  close: () => Promise<void>;
};

const request = () => ({
  paymentId: newPaymentId(Date.now()),
  orderId: `autumn-${'0'.repeat(26)}`,
  amount: 1999,
  currency: 'CNY',
  expiresAtMs: Date.now() + 60_000,
  title: 'Autumn phone',
  returnUrl: 'https://shop.example/orders/1?from=payment',
});

/** What every provider behind the port must do, whoever it is. */
export function testProvider(name: string, start: () => Promise<ProviderUnderTest>): void {
  describe(name, () => {
    let under: ProviderUnderTest;
    beforeAll(async () => {
      under = await start();
    });
    afterAll(() => under.close());

    /** What order-worker would know of each payment by the provider's answer. */
    const answered = new Map<string, ProviderPayment>();
    async function create(wanted: PaymentRequest) {
      const answer = await under.provider.createPayment(wanted);
      if (answer.kind === 'payment') answered.set(wanted.paymentId, answer.payment);
      return answer;
    }
    const at = (paymentId: string): PaymentReference => ({
      paymentId,
      providerId: answered.get(paymentId)?.providerId ?? null,
    });
    const find = (paymentId: string) => under.provider.findPayment(at(paymentId));

    async function shop(paymentId: string): Promise<void> {
      const payment = answered.get(paymentId);
      if (payment?.state === 'pending') await under.shop?.(payment);
    }
    async function settles(paymentId: string, state: ProviderPayment['state']): Promise<void> {
      await shop(paymentId);
      await expect.poll(async () => (await find(paymentId))?.state, within).toBe(state);
    }
    async function paid(): Promise<ProviderPayment> {
      const wanted = request();
      await create(wanted);
      await settles(wanted.paymentId, 'succeeded');
      const payment = await find(wanted.paymentId);
      if (payment === null) throw new Error('it is gone');
      return payment;
    }
    const eventsOf = async (paymentId: string, kind: 'payment' | 'refund') => {
      const seen: unknown[] = [];
      await expect
        .poll(() => {
          for (const call of under.webhooks()) {
            const verdict = under.provider.readEvent({ ...call, nowMs: Date.now() });
            expect(verdict.kind).toBe('event');
            if (verdict.kind !== 'event' || verdict.event.kind !== kind) continue;
            const about = verdict.event.kind === 'payment' ? verdict.event.payment : verdict.event.refund;
            if (about.paymentId === paymentId) seen.push(about.state);
          }
          return seen.at(-1);
        }, within)
        .toBe('succeeded');
    };

    test('a request that arrives after its time is refused', async () => {
      const late = { ...request(), expiresAtMs: Date.now() - 1000 };
      expect((await create(late)).kind).toBe('refused');
      expect(await find(late.paymentId)).toBeNull();
    });

    test('takes the money once, however often the same payment is asked for', async () => {
      const wanted = request();
      const answers = await Promise.all([1, 2, 3].map(() => create(wanted)));
      const ids = new Set(answers.map((answer) => answer.kind === 'payment' && answer.payment.providerId));
      expect(ids.size).toBe(1);
      expect(answers[0]).toMatchObject({
        kind: 'payment',
        payment: { paymentId: wanted.paymentId, amount: 1999, currency: 'CNY' },
      });
      await settles(wanted.paymentId, 'succeeded');
      expect(await create(wanted)).toMatchObject({ payment: { state: 'succeeded' } });
    });

    test('refuses another payment under the same id, as a value', async () => {
      const wanted = request();
      await create(wanted);
      await shop(wanted.paymentId);
      expect(await create({ ...wanted, amount: 1 })).toMatchObject({ kind: 'refused' });
      expect(await find(wanted.paymentId)).toMatchObject({ amount: 1999 });
    });

    test('says null of a payment that it has never heard of', async () => {
      expect(await find(newPaymentId(Date.now()))).toBeNull();
    });

    test('tells of a payment by a webhook that reads as genuine, and as nothing else once it is changed', async () => {
      under.webhooks();
      const { paymentId } = await paid();
      const calls: Webhook[] = [];
      await expect
        .poll(() => calls.push(...under.webhooks().filter(({ body }) => body.includes(paymentId))), within)
        .toBeGreaterThan(0);
      const [call] = calls;
      if (call === undefined) throw new Error('no webhook');
      const nowMs = Date.now();
      const { readEvent } = under.provider;
      expect(readEvent({ ...call, nowMs })).toMatchObject({ kind: 'event', event: { payment: { paymentId } } });
      const changed = call.body.replace(paymentId, newPaymentId(nowMs));
      expect(readEvent({ ...call, body: changed, nowMs })).toMatchObject({ why: 'signature' });
      const later = { ...call, nowMs: nowMs + 600_000 };
      if (under.signsBodiesAlone === true) {
        expect(readEvent(later)).toEqual(readEvent({ ...call, nowMs })); // taken in once, by its id
        return;
      }
      expect(readEvent({ headers: new Headers(), body: call.body, nowMs })).toMatchObject({ kind: 'refused' });
      expect(readEvent(later)).toEqual({ kind: 'refused', why: 'timestamp' });
    });

    test('a genuine call is an event, whichever body it has, and never refused: the provider would repeat it for days', () => {
      for (const body of ['', 'null', '[]', '{"type":"account.updated","data":{}}', '\u0000']) {
        const verdict = under.provider.readEvent({ ...under.sign(body), nowMs: Date.now() });
        expect([body, verdict]).toEqual([
          body,
          { kind: 'event', event: expect.objectContaining({ id: expect.any(String) }) },
        ]);
        expect(['other', 'unreadable']).toContain(verdict.kind === 'event' && verdict.event.kind);
      }
    });

    test('a payment that fails says why', async () => {
      await under.decline(true);
      const wanted = request();
      await create(wanted);
      await settles(wanted.paymentId, 'failed');
      await under.decline(false);
      expect((await find(wanted.paymentId))?.reason).toMatch(/./);
    });

    test('gives a payment back once, however often it is asked, and tells of it', async () => {
      under.webhooks();
      const { paymentId, amount, currency } = await paid();
      const wanted = { refundId: newRefundId(Date.now()), payment: at(paymentId), amount, currency };
      const answers = await Promise.all([1, 2, 3].map(() => under.provider.createRefund(wanted)));
      expect(new Set(answers.map((answer) => answer.kind === 'refund' && answer.refund.providerId)).size).toBe(1);
      await expect
        .poll(() => under.provider.createRefund(wanted), within)
        .toMatchObject({ kind: 'refund', refund: { state: 'succeeded' } });
      await eventsOf(paymentId, 'refund');
      const again = { ...wanted, refundId: newRefundId(Date.now()) };
      expect(await under.provider.createRefund(again)).toMatchObject({ kind: 'refused' });
    });

    test('refuses to give back what it never took', async () => {
      const { paymentId, amount, currency } = request();
      const wanted = { refundId: newRefundId(Date.now()), payment: at(paymentId), amount, currency };
      expect(await under.provider.createRefund(wanted)).toMatchObject({ kind: 'refused' });
    });

    test('is a fault, never a refusal, while it cannot be reached; the same id goes on afterwards', async () => {
      const before = request();
      await create(before);
      const wanted = request();
      await under.away(true);
      await expect(create(wanted)).rejects.toBeInstanceOf(ProviderFault);
      await expect(find(before.paymentId)).rejects.toBeInstanceOf(ProviderFault);
      await under.away(false);
      await expect.poll(() => create(wanted).catch(() => null), within).toMatchObject({ kind: 'payment' });
    });
  });
}
