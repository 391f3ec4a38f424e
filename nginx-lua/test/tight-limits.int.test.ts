import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import {
  ask,
  buy,
  refusal,
  retryAfter,
  saleOf,
  seenOf,
  startEdge,
  type TestEdge,
  ticketFor,
} from '#lab/servers/edge.ts';

describe('an edge with tight limits', () => {
  let tight: TestEdge;
  beforeAll(async () => {
    // Two workers: a cap of 2 is one each.
    tight = await startEdge({ userPerSecond: 1, userBurst: 3, addressPerSecond: 1, addressBurst: 12, inFlight: 2 });
    await tight.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
  });
  afterAll(() => tight.stop());

  test('says BUSY above its in-flight cap, and gives each place back', async () => {
    const held: (() => void)[] = [];
    const answer = tight.service.answer;
    tight.service.answer = (seen, response) => held.push(() => answer(seen, response));
    const asked = Array.from({ length: 5 }, () => buy(tight, 'open'));
    const refused = Promise.all(
      asked.map(async (one) => {
        const seen = await one;
        return seen.status === 202 ? [] : [{ ...seenOf(seen), retryAfter: retryAfter(seen) }];
      }),
    );
    const busy = async () => Number(/outcome="busy"\} (\d+)\n/.exec(await tight.metrics())?.[1] ?? 0);
    await poll('each has a place or is refused', async () => held.length + (await busy()) === 5);
    expect(held.length).toBeGreaterThan(0);
    expect(held.length).toBeLessThanOrEqual(2);
    tight.service.answer = answer;
    for (const release of held) release();
    const told = (await refused).flat();
    expect(told.length).toBe(5 - held.length);
    for (const one of told) {
      expect(one).toMatchObject(refusal('BUSY'));
      expect(one.retryAfter).toBeGreaterThanOrEqual(1);
      expect(one.retryAfter).toBeLessThanOrEqual(2);
    }
    await poll('no place is kept', async () => (await tight.metrics()).includes('seckill_edge_in_flight 0\n'));
    expect((await buy(tight, 'open')).status).toBe(202);
  });

  test('lets a payment provider tell of sixty payments at once: servers have a limit of their own', async () => {
    const status = async (path: string) => (await ask(tight, path, { method: 'POST', body: '{}' })).status;
    const webhooks = () => Promise.all(Array.from({ length: 60 }, () => status('/api/payments/webhook')));
    expect(await webhooks()).toEqual(Array(60).fill(200));
    const limits = { serverPerSecond: 1, serverBurst: 5 };
    await tight.agent.send({ type: 'settings', settings: { version: 1, limits, maintenance: null } });
    expect((await webhooks()).filter((each) => each === 429).length).toBeGreaterThan(30);
    expect(await status('/api/session')).toBe(200);
  });

  test('limits each user, then each address, with a time to wait, over all workers', async () => {
    tight.service.seen.length = 0;
    const ticket = ticketFor('open', { userId: 'hasty' });
    const from = performance.now();
    const hasty = () => buy(tight, 'open', { 'seckill-ticket': ticket });
    let passed = 0;
    let refused = await hasty();
    for (; refused.status === 202; refused = await hasty()) {
      passed += 1;
      // A fourth only half a second later, and one more after each further second.
      expect(passed).toBeLessThanOrEqual(3.5 + (performance.now() - from) / 1000);
    }
    expect(passed).toBeGreaterThanOrEqual(3);
    expect(seenOf(refused)).toEqual(refusal('RATE_LIMITED'));
    expect(retryAfter(refused)).toBe(1);
    expect(tight.service.seen.length).toBe(passed);
    // Another user of the same address is served until the address has had its share.
    expect((await buy(tight, 'open')).status).toBe(202);
    await poll('the address is limited', async () => (await buy(tight, 'open')).status === 429);
    // And on every other route; a slow machine may have given it one more meanwhile.
    let other = await ask(tight, '/api/orders/x');
    await poll('the address is limited elsewhere', async () => {
      other = await ask(tight, '/api/orders/x');
      return other.status === 429;
    });
    expect(seenOf(other)).toEqual(refusal('RATE_LIMITED'));
  });
});
