import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { publicSaleKey } from '#contract/redis-keys.ts';
import { startSaleTiers, tells, timed } from '#lab/kits/sale-tiers.ts';
import { poll } from '#lab/poll.ts';
import type { CountingUpstream } from '#lab/servers/counting-upstream.ts';
import { refusal, saleOf, seenOf } from '#lab/servers/edge.ts';

const tiers = await startSaleTiers();
const { edge, get, many, epochOf } = tiers;
beforeEach(tiers.begin);
afterAll(tiers.stop);

/** Waits for a line of the error log. No line names a sale: strangers choose which one they ask for. */
const loggedLine = (line: string) => poll(`the log to say ${line}`, () => isLogged(line));
async function isLogged(line: string): Promise<boolean> {
  const log = await readFile(join(edge.dir, 'nginx/error.log'), 'utf8');
  expect(log).not.toContain('sale-');
  return log.includes(line);
}

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
    const { answers, seconds } = await timed(() => many(50, tiers.sale));
    for (const seen of answers) {
      expect(seenOf(seen)).toEqual(refusal('UNAVAILABLE'));
      expect(seen.headers.get('retry-after')).toBe('1');
    }
    expect(edge.gateway.seen.length).toBeLessThanOrEqual(1 + seconds);
    await loggedLine(line);
  });

  test('rubbish in Redis is passed over and logged', async () => {
    await tiers.redis.client.set(publicSaleKey(tiers.sale), '{"id":"a"}');
    await tiers.redis.client.lpush(publicSaleKey(`${tiers.sale}-list`), 'not a string');
    for (const saleId of [tiers.sale, `${tiers.sale}-list`]) {
      edge.gateway.answer = tells(saleOf(saleId, { epoch: 2 }));
      expect(await epochOf(saleId)).toBe(2);
    }
    await loggedLine('the cache Redis told something that is no sale of the contract');
    await loggedLine('the cache Redis does not answer (-WRONGTYPE): the gateway is asked instead');
  });

  test('a sale that was told once stays shown while the gateway and Redis are away', async () => {
    edge.gateway.answer = tells(saleOf(tiers.sale, { epoch: 9 }));
    expect(await epochOf(tiers.sale)).toBe(9);
    await tiers.redis.stop();
    edge.gateway.answer = (_, response) => response.socket?.destroy();
    const asked = edge.gateway.seen.length;
    await poll('the gateway is asked in vain', async () => {
      expect(await epochOf(tiers.sale)).toBe(9);
      return edge.gateway.seen.length > asked;
    });
    expect(await epochOf(tiers.sale)).toBe(9);
    await tiers.restartRedis();
  });

  test('a silent Redis costs one request a worker its deadline, then the gateway is asked straight away; it is logged', async () => {
    edge.gateway.answer = tells(saleOf(tiers.sale));
    await tiers.redis.client.set(publicSaleKey('x'), 'x');
    tiers.redis.pause();
    let more = 0;
    const askForAnother = async () => {
      more += 1;
      edge.gateway.answer = tells(saleOf(`${tiers.sale}-${more}`));
      return (await get(`${tiers.sale}-${more}`)).status;
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
      tiers.redis.resume();
    }
  });
});
