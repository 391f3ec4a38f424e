import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EdgeSale } from '#contract/edge-stream.ts';
import { problemBody } from '#contract/problems.ts';
import { publicSaleKey, publicSalesKey } from '#contract/redis-keys.ts';
import { publicSaleSchema } from '#contract/sale.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import { makeCertificate } from '#lab/kits/certificate.ts';
import { poll } from '#lab/poll.ts';
import type { CountingUpstream } from '#lab/servers/counting-upstream.ts';
import { ask, refusal, saleOf, seenOf, startEdge, type TestEdge } from '#lab/servers/edge.ts';
import { startRedis, type TestRedis } from '#lab/servers/redis.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';

let edge: TestEdge;
let redis: TestRedis;
let knowsNothing: CountingUpstream['answer'];
/** A sale of each test's own: the edge remembers what it was told of those before. */
let sale: string;
let nth = 0;

beforeAll(async () => {
  edge = await startEdge({}, [], { values: (dir) => ({ cacheRedis: join(dir, 'redis.sock') }) });
  redis = await startRedis({ socket: join(edge.dir, 'redis.sock') });
  knowsNothing = edge.gateway.answer;
});
afterAll(async () => {
  await edge.stop();
  await redis.stop();
});
beforeEach(async () => {
  nth += 1;
  sale = `sale-${nth}`;
  edge.gateway.answer = knowsNothing;
  edge.gateway.seen.length = 0;
  edge.service.seen.length = 0;
  await redis.client.flushall();
  await redis.client.config('RESETSTAT');
});

const tells =
  (value: EdgeSale | EdgeSale[]): CountingUpstream['answer'] =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
const knowsNone: CountingUpstream['answer'] = (_, response) => {
  response
    .writeHead(404, { 'content-type': 'application/problem+json' })
    .end(JSON.stringify(problemBody('SALE_UNKNOWN')));
};
const get = (saleId: string) => ask(edge, `/api/sales/${saleId}`);
/** A body is kept for a tick of nginx' clock, so what has just changed is told a millisecond later. */
const told = (expected: { epoch: number; state: string }) =>
  poll(`${sale} is ${expected.state}`, async () => {
    const { epoch, state } = JSON.parse((await get(sale)).text);
    return epoch === expected.epoch && state === expected.state;
  });
const many = (count: number, saleId: string) => Promise.all(Array.from({ length: count }, () => get(saleId)));
const timed = async <T>(work: () => Promise<T>) => {
  const from = performance.now();
  const answers = await work();
  return { answers, seconds: (performance.now() - from) / 1000 };
};
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
/** Waits for a line of the error log. No line names a sale: strangers choose which one they ask for. */
const loggedLine = (line: string) => poll(`the log to say ${line}`, () => isLogged(line));
async function isLogged(line: string): Promise<boolean> {
  const log = await readFile(join(edge.dir, 'nginx/error.log'), 'utf8');
  expect(log).not.toContain('sale-');
  return log.includes(line);
}
const epochOf = async (saleId: string) => publicSaleSchema.parse(JSON.parse((await get(saleId)).text)).epoch;

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
    const { answers, seconds, saleId } = await crowd(200, (attempt) => `${sale}-${attempt}`);
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
    edge.gateway.answer = tells(saleOf(sale));
    await ask(edge, `/api/sales/${sale}?x=1`, {
      headers: { authorization: 'Bearer mine', 'seckill-ticket': 'mine', cookie: 'c=1' },
    });
    const { headers = {}, url } = edge.gateway.seen[0] ?? {};
    expect(url).toBe(`/edge/sales/${sale}`);
    expect(headers).toEqual({ host: 'edge' });
  });

  test('what Redis holds is shown, and the gateway is not asked', async () => {
    await redis.client.set(publicSaleKey(sale), JSON.stringify(saleOf(sale, { epoch: 3 })));
    await redis.client.set(
      publicSalesKey,
      JSON.stringify([saleOf(sale), saleOf(`${shadowSalePrefix}a-1`), saleOf('b')]),
    );
    // A Redis that is late by 200 ms is passed over, and the gateway has nothing to tell: then once more. The list of the
    // test before may be shown for a second.
    let answers = [await get(sale), await ask(edge, '/api/sales')];
    await poll('Redis answers in time', async () => {
      if (answers.every(({ status }) => status === 200) && String(answers[1]?.text).includes(sale)) return true;
      edge.gateway.seen.length = 0;
      answers = [await get(sale), await ask(edge, '/api/sales')];
      return false;
    });
    const [one, list] = answers.map(({ text }) => JSON.parse(text));
    expect(publicSaleSchema.parse(one).epoch).toBe(3);
    // Also from a gateway that would list a load test's sale.
    expect(list.sales).toMatchObject([{ saleId: sale }, { saleId: 'b' }]);
    expect(edge.gateway.seen).toEqual([]);
  });

  test('the state follows the clock of this edge: a sale opens in time although nobody tells it', async () => {
    edge.gateway.answer = tells(saleOf(sale, { opensInMs: 3000 }));
    expect(JSON.parse((await get(sale)).text).state).toBe('upcoming');
    edge.gateway.answer = (_, response) => response.socket?.destroy();
    await poll('the sale opens', async () => JSON.parse((await get(sale)).text).state === 'open');
  });
});

test('while one request fills, the others get the stale value at once', async () => {
  edge.gateway.answer = tells(saleOf(sale, { epoch: 1 }));
  await get(sale);
  const held: (() => void)[] = [];
  const tellNew = tells(saleOf(sale, { epoch: 2 }));
  edge.gateway.answer = (seen, response) => held.push(() => tellNew(seen, response));
  // One who fills gives up after two seconds. Where the machine stood still for a while, the next one is looked at.
  await poll('somebody fills, and the others are answered within a second meanwhile', async () => {
    const before = held.length;
    let isFilling = true;
    const filler = get(sale).finally(() => {
      isFilling = false;
    });
    await poll('the gateway is asked, or need not be', () => held.length > before || !isFilling);
    if (!isFilling) return false;
    const { answers, seconds } = await timed(() => many(50, sale));
    for (const each of answers) expect(JSON.parse(each.text).epoch).toBe(1);
    const isProof = isFilling && seconds < 1;
    if (isProof) expect(held.length).toBe(before + 1);
    else await filler;
    return isProof;
  });
  edge.gateway.answer = tellNew;
  for (const release of held) release();
  await poll('the new value is there', async () => (await epochOf(sale)) === 2);
});

test('a tier that tells of a lower epoch than the one before is not believed (I7)', async () => {
  edge.gateway.answer = tells(saleOf(sale, { epoch: 5, state: 'sold_out' }));
  expect(await epochOf(sale)).toBe(5);
  edge.gateway.answer = tells(saleOf(sale, { epoch: 4 }));
  const asked = edge.gateway.seen.length;
  await poll('the gateway is asked again', async () => {
    expect(await epochOf(sale)).toBe(5);
    return edge.gateway.seen.length > asked;
  });
  expect(await epochOf(sale)).toBe(5);
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
  expect(await redis.client.info('commandstats')).not.toContain('cmdstat_get:');
});

test('a sale that ZooKeeper lists no longer is told by the tiers; one that it lists again, by the stream at once', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf(sale, { epoch: 5 })] });
  edge.gateway.answer = tells(saleOf(sale, { epoch: 6, state: 'closed' }));
  await edge.agent.send({ type: 'gone', id: sale });
  await told({ epoch: 6, state: 'closed' });
  await edge.agent.send({ type: 'sale', sale: saleOf(sale, { epoch: 7, state: 'paused' }) });
  await told({ epoch: 7, state: 'paused' });
});

describe('when a tier is broken', () => {
  const noSale = 'the gateway told something that is no sale of the contract';
  test.each<[string, CountingUpstream['answer'], string]>([
    ['breaks the connection', (_, response) => response.socket?.destroy(), 'the gateway does not tell of sales: 503'],
    ['fails', (_, response) => response.writeHead(500).end('oops'), 'the gateway does not tell of sales: 500'],
    ['tells of another sale', tells(saleOf('b')), noSale],
    ['tells what no sale is', (_, response) => response.end('{"id":"a"}'), noSale],
    ['tells no JSON', (_, response) => response.end('<html>'), noSale],
  ])('a gateway that %s is UNAVAILABLE, remembered as such for a moment, and logged', async (_, answer, line) => {
    edge.gateway.answer = answer;
    const { answers, seconds } = await timed(() => many(50, sale));
    for (const seen of answers) {
      expect(seenOf(seen)).toEqual(refusal('UNAVAILABLE'));
      expect(seen.headers.get('retry-after')).toBe('1');
    }
    expect(edge.gateway.seen.length).toBeLessThanOrEqual(1 + seconds);
    await loggedLine(line);
  });

  test('rubbish in Redis is passed over and logged', async () => {
    await redis.client.set(publicSaleKey(sale), '{"id":"a"}');
    await redis.client.lpush(publicSaleKey(`${sale}-list`), 'not a string');
    for (const saleId of [sale, `${sale}-list`]) {
      edge.gateway.answer = tells(saleOf(saleId, { epoch: 2 }));
      expect(await epochOf(saleId)).toBe(2);
    }
    await loggedLine('the cache Redis told something that is no sale of the contract');
    await loggedLine('the cache Redis does not answer (-WRONGTYPE): the gateway is asked instead');
  });

  test('a sale that was told once stays shown while the gateway and Redis are away', async () => {
    edge.gateway.answer = tells(saleOf(sale, { epoch: 9 }));
    expect(await epochOf(sale)).toBe(9);
    await redis.stop();
    edge.gateway.answer = (_, response) => response.socket?.destroy();
    const asked = edge.gateway.seen.length;
    await poll('the gateway is asked in vain', async () => {
      expect(await epochOf(sale)).toBe(9);
      return edge.gateway.seen.length > asked;
    });
    expect(await epochOf(sale)).toBe(9);
    redis = await startRedis({ socket: join(edge.dir, 'redis.sock') });
  });

  test('a silent Redis costs one request a worker its deadline, then the gateway is asked straight away; it is logged', async () => {
    edge.gateway.answer = tells(saleOf(sale));
    await redis.client.set(publicSaleKey('x'), 'x');
    redis.pause();
    let more = 0;
    const askForAnother = async () => {
      more += 1;
      edge.gateway.answer = tells(saleOf(`${sale}-${more}`));
      return (await get(`${sale}-${more}`)).status;
    };
    try {
      // Two workers, a deadline of 200 ms each. Slower only where the machine stands still: then once more.
      await poll('eight new sales in less than 900 ms', async () => {
        const from = performance.now();
        const statuses = new Set<number>();
        for (let nth = 0; nth < 8; nth += 1) statuses.add(await askForAnother());
        return performance.now() - from < 900 && String([...statuses]) === '200';
      });
      // A worker that left Redis in the test before asks it again a second later.
      const line = 'the cache Redis does not answer (timeout): the gateway is asked instead';
      await poll(`the log to say ${line}`, async () => (await askForAnother()) === 200 && (await isLogged(line)));
    } finally {
      redis.resume();
    }
  });
});

test('the cache Redis may want a password', async () => {
  const guarded = await startEdge({}, [], {
    values: (dir) => ({ cacheRedis: join(dir, 'redis.sock'), cacheRedisPasswordFile: join(dir, 'redis-password') }),
    beforeStart: (config) => writeFile(join(config, '../../redis-password'), 'of the cache\n'),
  });
  const server = await startRedis({ socket: join(guarded.dir, 'redis.sock'), password: 'of the cache' });
  try {
    await server.client.set(publicSaleKey('a'), JSON.stringify(saleOf('a', { epoch: 3 })));
    // A Redis that is late by 200 ms is passed over: then once more.
    await poll('Redis is asked', async () => {
      guarded.gateway.seen.length = 0;
      return JSON.parse((await ask(guarded, '/api/sales/a')).text).epoch === 3;
    });
    expect(guarded.gateway.seen).toEqual([]);
  } finally {
    await guarded.stop();
    await server.stop();
  }
});

test.each([
  { who: 'its authority', isTrusted: true },
  { who: 'another authority', isTrusted: false },
])('the cache Redis may want TLS and an ACL user; an edge that trusts $who', async ({ isTrusted }) => {
  const [dir, other] = [temporaryDirectory('cache-tls'), temporaryDirectory('cache-tls-other')];
  const { certificate, certificateKey } = makeCertificate(dir);
  const { certificate: stranger } = makeCertificate(other);
  const passwordFile = join(dir, 'password');
  await writeFile(passwordFile, 'of the edge\n');
  const tls = { certificate, certificateKey, authority: certificate };
  const server = await startRedis({ user: 'edge', password: 'of the edge', tls });
  const secured = await startEdge({}, [], {
    values: () => ({
      cacheRedis: `127.0.0.1:${new URL(server.url).port}`,
      cacheRedisPasswordFile: passwordFile,
      cacheRedisUser: 'edge',
      cacheRedisTls: { authorities: isTrusted ? certificate : stranger, serverName: 'localhost' },
    }),
  });
  try {
    await server.client.set(publicSaleKey('a'), JSON.stringify(saleOf('a', { epoch: 3 })));
    secured.gateway.answer = knowsNone;
    await poll('an answer', async () => {
      secured.gateway.seen.length = 0;
      const { status, text } = await ask(secured, '/api/sales/a');
      if (!isTrusted) return status === 404 && secured.gateway.seen.length > 0;
      return secured.gateway.seen.length === 0 && JSON.parse(text).epoch === 3;
    });
  } finally {
    await secured.stop();
    await server.stop();
  }
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
    expect(await redis.client.info('commandstats')).not.toContain('cmdstat_get:');
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
