import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { publicSaleKey, publicSalesKey } from '#contract/redis-keys.ts';
import { publicSaleSchema } from '#contract/sale.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import { knowsNone, startSaleTiers, tells, timed } from '#lab/kits/sale-tiers.ts';
import { poll } from '#lab/poll.ts';
import { ask, refusal, saleOf, seenOf } from '#lab/servers/edge.ts';

const tiers = await startSaleTiers();
const { edge, get, many, epochOf } = tiers;
beforeEach(tiers.begin);
afterAll(tiers.stop);

/** A body is kept for a tick of nginx' clock, so what has just changed is told a millisecond later. */
const told = (expected: { epoch: number; state: string }) =>
  poll(`${tiers.sale} is ${expected.state}`, async () => {
    const { epoch, state } = JSON.parse((await get(tiers.sale)).text);
    return epoch === expected.epoch && state === expected.state;
  });
/**
 * What a crowd is told by a gateway that answers at once. Who waits for another's answer is told UNAVAILABLE after a
 * second: a machine on which all this took that long proves nothing, and another crowd asks, for a sale of its own.
 */
async function crowd(count: number, nameOf: (attempt: number) => string) {
  for (let attempt = 1; ; attempt += 1) {
    edge.gateway.seen.length = 0;
    const saleId = nameOf(attempt);
    const { answers, seconds } = await timed(() => many(count, saleId));
    const isLate = seconds > 1 && answers.some(({ status }) => status === 503);
    if (!isLate || attempt === 10) return { answers, seconds, saleId };
  }
}

describe('before the first snapshot', () => {
  // The first one: an edge remembers the list for a second.
  test('the list is told by the gateway too, an empty one as well', async () => {
    edge.gateway.answer = tells([]);
    expect(JSON.parse((await ask(edge, '/api/sales')).text)).toMatchObject({ sales: [] });
    expect(edge.gateway.seen.map(({ url }) => url)).toEqual(['/edge/sales']);
  });

  test('a sale is told by the gateway, which is asked once a second for a whole crowd and all workers', async () => {
    edge.gateway.answer = (seen, response) =>
      tells(saleOf(seen.url.split('/').at(-1) ?? '', { epoch: 7 }))(seen, response);
    const { answers, seconds, saleId } = await crowd(200, (attempt) => `${tiers.sale}-${attempt}`);
    for (const answer of answers) {
      expect(publicSaleSchema.strict().parse(JSON.parse(answer.text))).toMatchObject({
        saleId,
        epoch: 7,
        state: 'open',
      });
      expect(answer.headers.get('cache-control')).toBe('public, max-age=0, s-maxage=1');
      expect(answer.headers.get('content-type')).toBe('application/json');
    }
    expect(edge.gateway.seen[0]).toMatchObject({ method: 'GET', url: `/edge/sales/${saleId}`, body: '' });
    expect(edge.gateway.seen.length).toBeLessThanOrEqual(1 + seconds);
  });

  test("nothing of the shopper's own is sent along", async () => {
    edge.gateway.answer = tells(saleOf(tiers.sale));
    await ask(edge, `/api/sales/${tiers.sale}?x=1`, {
      headers: { authorization: 'Bearer mine', 'seckill-ticket': 'mine', cookie: 'c=1' },
    });
    const { headers = {}, url } = edge.gateway.seen[0] ?? {};
    expect(url).toBe(`/edge/sales/${tiers.sale}`);
    expect(headers).toEqual({ host: 'edge' });
  });

  test('what Redis holds is shown, and the gateway is not asked', async () => {
    await tiers.redis.client.set(publicSaleKey(tiers.sale), JSON.stringify(saleOf(tiers.sale, { epoch: 3 })));
    await tiers.redis.client.set(
      publicSalesKey,
      JSON.stringify([saleOf(tiers.sale), saleOf(`${shadowSalePrefix}a-1`), saleOf('b')]),
    );
    // A Redis that is late by 200 ms is passed over, and the gateway has nothing to tell: then once more. The list of the
    // test before may be shown for a second.
    let answers = [await get(tiers.sale), await ask(edge, '/api/sales')];
    await poll('Redis answers in time', async () => {
      if (answers.every(({ status }) => status === 200) && String(answers[1]?.text).includes(tiers.sale)) return true;
      edge.gateway.seen.length = 0;
      answers = [await get(tiers.sale), await ask(edge, '/api/sales')];
      return false;
    });
    const [one, list] = answers.map(({ text }) => JSON.parse(text));
    expect(publicSaleSchema.parse(one).epoch).toBe(3);
    // Also from a gateway that would list a load test's sale.
    expect(list.sales).toMatchObject([{ saleId: tiers.sale }, { saleId: 'b' }]);
    expect(edge.gateway.seen).toEqual([]);
  });

  test('the state follows the clock of this edge: a sale opens in time although nobody tells it', async () => {
    edge.gateway.answer = tells(saleOf(tiers.sale, { opensInMs: 3000 }));
    expect(JSON.parse((await get(tiers.sale)).text).state).toBe('upcoming');
    edge.gateway.answer = (_, response) => response.socket?.destroy();
    await poll('the sale opens', async () => JSON.parse((await get(tiers.sale)).text).state === 'open');
  });
});

test('while one request fills, the others get the stale value at once', async () => {
  edge.gateway.answer = tells(saleOf(tiers.sale, { epoch: 1 }));
  await get(tiers.sale);
  const held: (() => void)[] = [];
  const tellNew = tells(saleOf(tiers.sale, { epoch: 2 }));
  edge.gateway.answer = (seen, response) => held.push(() => tellNew(seen, response));
  // One who fills gives up after two seconds. Where the machine stood still for a while, the next one is looked at.
  await poll('somebody fills, and the others are answered within a second meanwhile', async () => {
    const before = held.length;
    let isFilling = true;
    const filler = get(tiers.sale).finally(() => {
      isFilling = false;
    });
    await poll('the gateway is asked, or need not be', () => held.length > before || !isFilling);
    if (!isFilling) return false;
    const { answers, seconds } = await timed(() => many(50, tiers.sale));
    for (const each of answers) expect(JSON.parse(each.text).epoch).toBe(1);
    const isProof = isFilling && seconds < 1;
    if (isProof) expect(held.length).toBe(before + 1);
    else await filler;
    return isProof;
  });
  edge.gateway.answer = tellNew;
  for (const release of held) release();
  await poll('the new value is there', async () => (await epochOf(tiers.sale)) === 2);
});

test('a tier that tells of a lower epoch than the one before is not believed (I7)', async () => {
  edge.gateway.answer = tells(saleOf(tiers.sale, { epoch: 5, state: 'sold_out' }));
  expect(await epochOf(tiers.sale)).toBe(5);
  edge.gateway.answer = tells(saleOf(tiers.sale, { epoch: 4 }));
  const asked = edge.gateway.seen.length;
  await poll('the gateway is asked again', async () => {
    expect(await epochOf(tiers.sale)).toBe(5);
    return edge.gateway.seen.length > asked;
  });
  expect(await epochOf(tiers.sale)).toBe(5);
});

test('while a sale is hot, its page, its state and the list cost no other process a single request', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('hot')] });
  await mkdir(join(edge.pagesDir, 'sales'), { recursive: true });
  await writeFile(join(edge.pagesDir, 'sales/hot.html'), 'the page');
  for (let round = 0; round < 50; round += 1) {
    const answers = await Promise.all(['/sales/hot', '/api/sales/hot', '/api/sales'].map((path) => ask(edge, path)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  }
  expect([...edge.gateway.seen, ...edge.service.seen]).toEqual([]);
  expect(await tiers.redis.client.info('commandstats')).not.toContain('cmdstat_get:');
});

test('a sale that ZooKeeper lists no longer is told by the tiers; one that it lists again, by the stream at once', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf(tiers.sale, { epoch: 5 })] });
  edge.gateway.answer = tells(saleOf(tiers.sale, { epoch: 6, state: 'closed' }));
  await edge.agent.send({ type: 'gone', id: tiers.sale });
  await told({ epoch: 6, state: 'closed' });
  await edge.agent.send({ type: 'sale', sale: saleOf(tiers.sale, { epoch: 7, state: 'paused' }) });
  await told({ epoch: 7, state: 'paused' });
});

describe('an unknown sale', () => {
  test('is remembered as unknown, and the gateway is asked once in three seconds', async () => {
    edge.gateway.answer = knowsNone;
    await edge.agent.send({ type: 'snapshot', sales: [] });
    const { answers, seconds } = await crowd(100, (other) => `none-${other}`);
    for (const answer of answers) expect(seenOf(answer)).toEqual(refusal('SALE_UNKNOWN'));
    expect(edge.gateway.seen.length).toBeLessThanOrEqual(1 + seconds / 3);
  });

  test('whose id no sale can have is not looked for', async () => {
    for (const id of ['UPPER', 'a_b', '-a', 'a-', 'x'.repeat(49), '*', '%7Bx%7D', '%0D%0AGET'])
      expect(seenOf(await get(id))).toEqual(refusal('SALE_UNKNOWN'));
    expect(edge.gateway.seen).toEqual([]);
    expect(await tiers.redis.client.info('commandstats')).not.toContain('cmdstat_get:');
  });

  // The last one: for seconds nothing is left for others.
  test('cannot be used to flood the tiers: whatever strangers ask for, an edge fills so many keys a second', async () => {
    edge.gateway.answer = knowsNone;
    const from = performance.now();
    const codes = new Set<number>();
    for (let round = 0; round < 40; round += 1) {
      const ids = Array.from({ length: 25 }, (_, each) => `stranger-${round}-${each}`);
      const { answers, seconds } = await timed(() => Promise.all(ids.map(get)));
      // Where the machine stands still, the gateway is late by its two seconds.
      for (const { status } of answers) if (status !== 503 || seconds < 2) codes.add(status);
    }
    const seconds = (performance.now() - from) / 1000;
    expect([...codes].sort()).toEqual([404, 429]);
    expect(edge.gateway.seen.length).toBeLessThanOrEqual(100 + 50 * seconds + 1);
  });
});
