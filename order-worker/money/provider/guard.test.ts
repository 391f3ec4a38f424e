import { expect, onTestFinished, test, vi } from 'vitest';
import { guardProvider } from './guard.ts';
import { type PaymentProvider, ProviderFault, type ProviderPayment } from './provider.ts';

const payment: ProviderPayment = {
  paymentId: 'p',
  providerId: 'x',
  state: 'pending',
  next: { kind: 'none' },
  declined: null,
  reason: null,
  amount: 1,
  currency: 'CNY',
};
/** A provider whose every look-up does what `find` does. */
function providerOf(find: (signal: AbortSignal | undefined) => Promise<ProviderPayment | null>) {
  const calls: (AbortSignal | undefined)[] = [];
  const provider: PaymentProvider = {
    createPayment: async () => ({ kind: 'refused', reason: 'no' }),
    createRefund: async () => ({ kind: 'refused', reason: 'no' }),
    readEvent: () => ({ kind: 'refused', why: 'headers' }),
    findPayment: (_id, signal) => {
      calls.push(signal);
      return find(signal);
    },
    endPayment: async () => null,
  };
  return { provider, calls };
}
const at = (paymentId: string) => ({ paymentId, providerId: null });
const never = () => new Promise<never>(() => undefined);
const faultOf = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: unknown) => (error instanceof ProviderFault ? error : null),
  );

test('answers and refusals pass as they are', async () => {
  const guarded = guardProvider(providerOf(async () => payment).provider, { deadlineMs: 1000 });
  expect(await guarded.findPayment(at('p'))).toEqual(payment);
  const request = {
    paymentId: 'p',
    orderId: 'o',
    amount: 1,
    currency: 'CNY',
    expiresAtMs: 1,
    title: 'tea',
    returnUrl: null,
  };
  expect(await guarded.createPayment(request)).toEqual({ kind: 'refused', reason: 'no' });
});

test('a call that hangs ends at its deadline as unknown, and its signal is aborted', async () => {
  const { provider, calls } = providerOf(never);
  const guarded = guardProvider(provider, { deadlineMs: 20 });
  expect(await faultOf(guarded.findPayment(at('p')))).toMatchObject({ kind: 'unknown' });
  expect(calls[0]?.aborted).toBe(true);
});

test('after some faults in a row nobody is sent any more; one is let through later, and its answer ends it', async () => {
  vi.useFakeTimers(); // a machine that stands still must not let one through
  onTestFinished(() => void vi.useRealTimers());
  let isUp = false;
  const { provider, calls } = providerOf(async () => {
    if (!isUp) throw new ProviderFault('unavailable', 'down');
    return payment;
  });
  const guarded = guardProvider(provider, { deadlineMs: 1000, faultsInARow: 3, restMs: 1500 });
  for (let call = 0; call < 10; call += 1) expect(await faultOf(guarded.findPayment(at('p')))).not.toBeNull();
  expect(calls).toHaveLength(3);
  expect(guarded.isOpen()).toBe(true);
  expect(await faultOf(guarded.findPayment(at('p')))).toMatchObject({
    kind: 'unavailable',
    retryAfterSeconds: expect.any(Number),
  });
  isUp = true;
  vi.advanceTimersByTime(1499);
  expect(await faultOf(guarded.findPayment(at('p')))).not.toBeNull();
  vi.advanceTimersByTime(1);
  expect(await guarded.findPayment(at('p'))).toEqual(payment);
  expect(guarded.isOpen()).toBe(false);
});

test('a refusal is no fault: it never opens the breaker', async () => {
  const { provider, calls } = providerOf(async () => null);
  const guarded = guardProvider(provider, { deadlineMs: 1000, faultsInARow: 2 });
  for (let call = 0; call < 5; call += 1) await guarded.findPayment(at('p'));
  expect(calls).toHaveLength(5);
});

test('no more than so many calls are under way at once; the rest is turned away at once', async () => {
  const { provider, calls } = providerOf(never);
  const guarded = guardProvider(provider, { deadlineMs: 100, atOnce: 2 });
  const [first, second, third] = ['a', 'b', 'c'].map((id) => faultOf(guarded.findPayment(at(id))));
  expect(await third).toMatchObject({ kind: 'unavailable' });
  expect(calls).toHaveLength(2);
  expect([await first, await second].map((fault) => fault?.kind)).toEqual(['unknown', 'unknown']);
});

test('an error that is no fault of the port is told as unknown', async () => {
  const guarded = guardProvider(providerOf(() => Promise.reject(new TypeError('odd'))).provider, { deadlineMs: 1000 });
  expect(await faultOf(guarded.findPayment(at('p')))).toMatchObject({ kind: 'unknown' });
});
