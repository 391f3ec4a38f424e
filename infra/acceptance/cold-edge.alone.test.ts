import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { publicSaleKey } from '#contract/redis-keys.ts';
import { publicSaleSchema, publicSalesSchema } from '#contract/sale.ts';
import { newSaleId, openSale, seckillJson } from '#lab/kits/command-line.ts';
import { runningPid } from '#lab/kits/processes.ts';
import { poll } from '#lab/poll.ts';
import { startEdge } from '#lab/servers/edge.ts';
import { startLike } from '#lab/servers/process-like.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { startTcpProxy, type TcpProxy } from '#lab/servers/tcp-proxy.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { runDirectory } from '../stack/host/run-directory.ts';

// One more edge than the stack has, which ZooKeeper knows for a while: no other test may count edges meanwhile.
const { dir, env, edgeUrl } = stackUnderTest();
const saleId = newSaleId('cold');
let zookeeper: TcpProxy;
let url: string;

beforeAll(async () => {
  const [host = '', port] = (env.SECKILL_ZOOKEEPER ?? '').split(':');
  zookeeper = await startTcpProxy({ to: { host, port: Number(port) } });
  await openSale(env, { saleId, units: 3 });
});
afterAll(() => zookeeper.close());

/** An edge and its gateway, which reaches ZooKeeper by the proxy alone. */
async function startColdEdge(): Promise<string> {
  const own = temporaryDirectory('cold');
  const [gatewayServer, agentSocket] = [join(own, 'gateway.sock'), join(own, 'agent.sock')];
  const gateway = await startLike(runningPid('gateway-1'), {
    SECKILL_INSTANCE: 'gateway-cold',
    SECKILL_EDGE_ID: 'edge-cold',
    SECKILL_LISTEN: `unix:${gatewayServer}`,
    SECKILL_INNER_LISTEN: `unix:${join(own, 'inner.sock')}`,
    SECKILL_AGENT_SOCKET: agentSocket,
    SECKILL_ZOOKEEPER: `127.0.0.1:${zookeeper.port}`,
    SECKILL_CONSOLE_TOKEN: undefined,
  });
  onTestFinished(gateway.stop);
  const socket = runDirectory(dir).socket;
  const values = {
    edgeId: 'edge-cold',
    gatewayServer,
    agentSocket,
    serviceServers: [socket('service-1')],
    orderServers: [socket('worker-1')],
    ticketKeysFile: env.SECKILL_TICKET_KEYS_FILE ?? '',
    cacheRedis: new URL(env.SECKILL_QUEUE_REDIS_URL ?? '').host,
  };
  const edge = await startEdge({}, [], { values });
  onTestFinished(edge.stop);
  return edge.url;
}

const ask = async (path: string, method = 'GET') => {
  try {
    const answer = await fetch(`${url}${path}`, { method });
    return { status: answer.status, body: (await answer.json()) as unknown };
  } catch {
    return { status: 0, body: null };
  }
};
/** Null while the edge cannot tell. */
const shown = async () => publicSaleSchema.safeParse((await ask(`/api/sales/${saleId}`)).body).data ?? null;
/** As an edge says that hears of everything. */
const shownElsewhere = async () =>
  publicSaleSchema.safeParse(await (await fetch(`${edgeUrl}/api/sales/${saleId}`)).json()).data ?? null;
const codeOf = (body: unknown) => (body as { code?: string } | null)?.code;
const aWhile = { timeout: 45_000 };
test('an edge and a gateway that start while ZooKeeper is away show the sale as it is, and sell nothing until it is back', async () => {
  const before = await poll('the sale to be shown', shownElsewhere);
  zookeeper.mode('cut');
  url = await startColdEdge();

  const after = await poll('the sale to be shown again', shown);
  expect({ ...after, now: '' }).toEqual({ ...before, now: '' });
  // A tier that does not answer in time is passed over for a second.
  await expect
    .poll(async () => publicSalesSchema.safeParse((await ask('/api/sales')).body).data?.sales, aWhile)
    .toContainEqual(expect.objectContaining({ saleId }));
  await expect.poll(async () => (await ask('/api/sales/nobody-knows')).status, aWhile).toBe(404);
  // What is shown may come from anywhere; what is sold needs the stream.
  expect(await ask(`/api/sales/${saleId}/orders`, 'POST')).toMatchObject({
    status: 503,
    body: { code: 'UNAVAILABLE' },
  });

  const cache = new Redis(env.SECKILL_QUEUE_REDIS_URL ?? '');
  // It stays for 2 s, so it is asked for again until it is seen: not longer than that, and not for ever.
  await poll('the gateway to leave the sale in the cache, for a while', async () => {
    await ask(`/api/sales/${saleId}`);
    return (await cache.ttl(publicSaleKey(saleId))) > 0;
  });
  cache.disconnect();

  // Ops pause the sale: PostgreSQL and stock Redis know, ZooKeeper tells this edge nothing.
  await seckillJson(env, 'sale', 'pause', saleId);
  const paused = await poll('the pause to be shown', async () => {
    const sale = await shown();
    return sale?.state === 'paused' && sale;
  });
  expect(paused.epoch).toBeGreaterThan(before.epoch);

  zookeeper.mode('pass');
  await poll(
    'the stream to tell of the pause',
    async () => codeOf((await ask(`/api/sales/${saleId}/orders`, 'POST')).body) === 'PAUSED',
  );
  await seckillJson(env, 'sale', 'resume', saleId);
  await poll(
    'the sale to be open again',
    async () => (await ask(`/api/sales/${saleId}/orders`, 'POST')).status === 415,
  );
});
