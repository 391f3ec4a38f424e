import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { SaleNode } from '#contract/sale.ts';
import { readConsoleConfig } from '#gateway/console/console-config.ts';
import { createHistory } from '#gateway/console/history.ts';
import type { Second } from '#gateway/console/history-store.ts';
import type { Tick } from '#gateway/console/sample.ts';
import { startSampler } from '#gateway/console/sampler.ts';
import { createViewers } from '#gateway/console/viewers.ts';
import { watchCdc } from '#gateway/console/watch-cdc.ts';
import { newSaleId, openSale, seckill, seckillJson } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { zookeeperOf } from '#lab/servers/zookeeper.ts';
import { ConfigError } from '#runtime/config.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { consoleOf } from '../stack/stack.ts';

vi.setConfig({ testTimeout: 180_000 });

const stack = stackUnderTest();
const token = stack.env.SECKILL_CONSOLE_TOKEN ?? '';
const saleId = newSaleId('console');
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
let url: string;

beforeAll(async () => {
  url = (await consoleOf(stack.dir))?.url ?? '';
  await openSale(stack.env, { saleId, units: 5 });
});

/** The ticks of a stream of the console, as they come; ends with the test. */
async function* ticks(): AsyncGenerator<Tick> {
  const response = await fetch(`${url}/api/events`, { headers: { authorization: `Bearer ${token}` } });
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined) yield JSON.parse(data) as Tick;
    }
  }
}

test('the command says where the console is and where its token is kept, and never the token itself', async () => {
  const place = await seckillJson<{ url: string; tokenFile: string }>(stack.env, 'console', '--dir', stack.dir);
  expect(place.url).toBe(url);
  const said = await seckill(stack.env, 'console', '--dir', stack.dir);
  expect(said.stdout).toContain(place.tokenFile);
  expect(said.stdout + said.stderr).not.toContain(token);
  const nowhere = await seckill({}, 'console', '--dir', `${stack.dir}/none`);
  expect([nowhere.code, nowhere.stderr]).toEqual([78, expect.stringContaining('seckill up')]);
});

test('from outside there is no console', async () => {
  for (const path of ['/console', '/console/login', '/console/api/events', '/console/queues', '/ops/overview']) {
    expect((await fetch(stack.edgeUrl + path)).status).toBe(404);
  }
});

/** Whether everybody answered in time for that second, which not every second of a busy machine has. */
const isWhole = ({ sales, unknown, edges, drain }: Tick) => {
  const sale = sales.find((it) => it.saleId === saleId);
  const isInStep = edges.some(({ edgeId, epochs }) => edgeId === 'edge-1' && epochs[saleId] === sale?.epoch);
  return sale?.total === 5 && unknown.length === 0 && isInStep && drain?.workers.length === 1;
};

test('each second tells the sale, its stock, its edges and the drain, and the hour keeps it', async () => {
  let seen: Tick | null = null;
  for await (const tick of ticks()) {
    if (isWhole(tick)) {
      seen = tick;
      break;
    }
  }
  const sale = seen?.sales.find((it) => it.saleId === saleId);
  expect(sale).toMatchObject({ state: 'open', total: 5, free: 5, outbox: 0, fault: null });
  expect(sale?.stockEpoch).toBe(sale?.epoch);
  expect(seen?.unknown).toEqual([]);
  expect(seen?.edges.find(({ edgeId }) => edgeId === 'edge-1')?.epochs[saleId]).toBe(sale?.epoch);
  expect(seen?.drain?.workers.map(({ worker }) => worker)).toEqual(['worker-1']);
  const history = await fetch(`${url}/api/history?sale=${saleId}`, { headers: { authorization: `Bearer ${token}` } });
  const moments = (await history.json()) as [number, (number | null)[]][];
  expect(moments.map(([at]) => at)).toContain(seen?.at);
});

test('a request that makes no sense is refused in words, and a worker says what is wrong with it', async () => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const post = (path: string, body: string, more: Record<string, string> = {}) =>
    fetch(`${url}/api/${path}`, { method: 'POST', body, headers: { ...headers, ...more } });
  const problem = async (answer: Response) => (await answer.json()) as { code: string; detail?: string };
  expect(await problem(await fetch(`${url}/api/audit?sale=../x`, { headers }))).toMatchObject({ code: 'BAD_REQUEST' });
  expect(await problem(await fetch(`${url}/api/audit?sale=none`, { headers }))).toMatchObject({ code: 'SALE_UNKNOWN' });
  expect((await problem(await post('drain', '{"ratePerSecond":0}'))).detail).toContain('pause the drain');
  expect(await problem(await post('drain', 'no json'))).toMatchObject({ code: 'BAD_REQUEST' });
  expect(
    await problem(await post('drain', 'paused=true', { 'content-type': 'text/plain', origin: 'http://evil' })),
  ).toMatchObject({ code: 'FORBIDDEN' });
  expect(await problem(await post('drain', '{"paused":true}', { origin: 'http://evil' }))).toMatchObject({
    code: 'FORBIDDEN',
  });
  expect(await problem(await post('drain', `"${'x'.repeat(100_000)}"`))).toMatchObject({ code: 'BODY_TOO_LARGE' });
});

test('a gateway with a token of few characters, or without the addresses of the others, does not start', () => {
  expect(readConsoleConfig({})).toBeNull();
  expect(() => readConsoleConfig({ SECKILL_CONSOLE_TOKEN_FILE: '/not/there' })).toThrow(ConfigError);
  const problems = (environment: Record<string, string>): readonly string[] => {
    try {
      readConsoleConfig(environment);
      return [];
    } catch (error) {
      return error instanceof ConfigError ? error.problems : [String(error)];
    }
  };
  const all = problems({ SECKILL_CONSOLE_TOKEN: 'short', SECKILL_EDGE_INNER_URL: 'nowhere' });
  expect(all).toEqual(
    expect.arrayContaining([
      'SECKILL_CONSOLE_TOKEN must be at least 32 characters',
      expect.stringContaining('SECKILL_EDGE_INNER_URL must be'),
      'SECKILL_WORKER_INNER_URL is not set',
    ]),
  );
});

const hanging = createServer(() => {}); // takes the request and never answers
const redis = connectRedis('hot', stack.env.SECKILL_STOCK_REDIS_URL ?? '', logger);
afterAll(() => {
  disconnectRedis(redis);
  hanging.closeAllConnections();
  hanging.close();
});

test('what is away or hangs is said to be unknown, and the rest is told all the same', async () => {
  await new Promise<void>((done) => hanging.listen(0, '127.0.0.1', done));
  const address = hanging.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const closesAt = new Date(Date.now() + 3_600_000).toISOString();
  const node: SaleNode = {
    ...{ saleId, title: 'A phone', price: { amount: 1, currency: 'CNY' }, challenge: 'none', state: 'open', epoch: 1 },
    ...{ window: { opensAt: new Date(0).toISOString(), closesAt }, limits: { perUser: 1 } },
  };
  const history = createHistory();
  const kept: Second[] = [];
  const told: Tick[] = [];
  const viewers = { ...createViewers(), tell: (json: string) => void told.push(JSON.parse(json) as Tick) };
  // The data team's process tells of itself in ZooKeeper, and stands still as if its slot were gone.
  const zookeeper = connectZooKeeper({ ...zookeeperOf(stack.env), logger });
  const cdc = watchCdc({ zookeeper, logger });
  const [report] = await poll('what the process of the data team says', () => {
    const all = cdc.all();
    return all !== null && all.length > 0 && all;
  });
  cdc.close();
  zookeeper.close();
  const sampler = startSampler({
    urls: {
      edges: [`http://127.0.0.1:${port}`],
      services: ['http://127.0.0.1:1'],
      workers: [`http://127.0.0.1:${port}`],
    },
    ...{ token, redis, history, viewers, logger, now: Date.now, keep: (second: Second) => void kept.push(second) },
    sales: () => [node],
    edges: () => [],
    cdc: () => (report === undefined ? null : [{ ...report, state: 'stopped', trouble: 'the slot is gone' }]),
  });
  // The first, unless stock Redis was too late for it.
  const tick = await poll('a tick', async () => told.find(({ sales }) => sales[0]?.total === 5) ?? null);
  sampler.close();
  expect(tick.unknown).toEqual([
    'the copy for the data team stands still: the slot is gone',
    `the edge at http://127.0.0.1:${port} does not answer: its requests are not counted`,
    'no seckill-service answers: the relay lag is unknown',
    'no order-worker answers: drain, dead letters, paid and expired are unknown',
  ]);
  expect(tick.sales).toMatchObject([{ saleId, total: 5, free: 5 }]);
  expect(tick.moments[saleId]).toEqual([tick.at, [null, null, 0, 0, 0, 5, null, null, null], null]);
  expect(JSON.parse(history.of(saleId))).toEqual(told.map(({ moments }) => moments[saleId]));
  expect(kept).toEqual(told.map(({ moments }) => moments));
});
