import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { requestIdHeader } from '#contract/origin.ts';
import { formatTicketKeys, signTicket } from '#contract/ticket.ts';
import { newSaleId, openSale } from '#lab/kits/command-line.ts';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { poll } from '#lab/poll.ts';
import { startProgram } from '#lab/servers/process-like.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { newWebhookSecret } from '#runtime/standard-webhooks.ts';
import { childEnvironment } from '../stack/host/launch.ts';
import { checkoutDir } from '../stack/host/run-directory.ts';

/** As much of OTLP's JSON as is looked at. */
type Attribute = { key: string; value: { stringValue?: string } };
type Sent = {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: { spans: (Omit<ReceivedSpan, 'service'> & { attributes: Attribute[] })[] }[];
  }[];
};
type ReceivedSpan = {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
};

const attributeOf = (attributes: Attribute[], key: string) =>
  attributes.find((attribute) => attribute.key === key)?.value.stringValue;

const spans: ReceivedSpan[] = [];
let collector: Server;
const own = await startOrdersDatabase(['postgres', 'stock-redis', 'queue-redis']);
const dir = temporaryDirectory('traces');
const socket = join(dir, 'service.sock');
const pool = new Pool('http://service', { connections: 2, socketPath: socket });
const saleId = newSaleId('traces');
const keys = [{ id: 'k1', secret: 'the-ticket-secret-of-this-test-and-long-enough' }];
const processes: { stop: () => Promise<void> }[] = [];

beforeAll(async () => {
  collector = createServer(async (request, response) => {
    if (request.method !== 'POST' || request.url !== '/v1/traces') return response.writeHead(404).end();
    const sent = JSON.parse(await text(request)) as Sent;
    for (const { resource, scopeSpans } of sent.resourceSpans) {
      const service = attributeOf(resource.attributes, 'service.name') ?? '';
      for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => ({ ...span, service })));
    }
    return response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo; // a TCP server's
  // No edge runs here. The setting takes no path below ZooKeeper's root: no other file of the lane is there.
  const { SECKILL_EDGE_URL: _url, SECKILL_EDGE_URLS: _urls, ...parts } = own.environment;
  const environment = {
    ...parts,
    SECKILL_ZOOKEEPER: inject('servers').zookeeper,
    SECKILL_TICKET_KEYS: formatTicketKeys(keys),
    // What a worker does not start without; nothing is paid here.
    SECKILL_SESSION_SECRET: 'the session secret of this test, long enough',
    SECKILL_PAYMENT_URL: 'http://127.0.0.1:9',
    SECKILL_PAYMENT_API_KEY: 'a key of a provider that is not there',
    SECKILL_PAYMENT_WEBHOOK_SECRET: newWebhookSecret(),
  };
  await openSale(environment, { saleId, units: 100 });
  for (const [name, role, listen] of [
    ['service-1', 'seckill-service', socket],
    ['worker-1', 'order-worker', join(dir, 'worker.sock')],
  ] as const) {
    const settings = {
      SECKILL_INSTANCE: name,
      SECKILL_LISTEN: `unix:${listen}`,
      SECKILL_INNER_LISTEN: `unix:${listen}.inner`,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    };
    const line: [string, string] = [process.execPath, join(checkoutDir, role, 'main.ts')];
    processes.push(startProgram(line, { ...childEnvironment(process.env), ...environment, ...settings }));
  }
});
afterAll(async () => {
  await pool.close();
  await Promise.all(processes.map(({ stop }) => stop()));
  await own.close();
  collector.closeAllConnections();
  collector.close();
});

/** The request id as the edge gives it. */
const newRequestId = () => crypto.randomUUID().replaceAll('-', '');

/** Somebody's purchase that was accepted at the first try: a second one would be another trace. */
const bought = (): Promise<{ orderId: string; requestId: string }> =>
  poll('a purchase to be accepted at once', async () => {
    const [orderId, userId, requestId] = [newOrderId(saleId, Date.now()), crypto.randomUUID(), newRequestId()];
    const ticket = signTicket({ orderId, userId, expiresAtMs: Date.now() + 60_000 }, keys);
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: `/api/sales/${saleId}/orders`,
      headers: { 'content-type': 'application/json', 'seckill-ticket': ticket, [requestIdHeader]: requestId },
      body: '{"quantity":1}',
    });
    await body.dump();
    return statusCode === 202 && { orderId, requestId };
  });
const ofOrder = (orderId: string, name: string) =>
  spans.find((span) => span.name === name && attributeOf(span.attributes, 'seckill.order') === orderId);

test('one trace leads from the purchase in the service over the queue to the row in the worker', async () => {
  const { orderId, requestId } = await bought();
  const store = await poll('the worker’s span', async () => ofOrder(orderId, 'store') ?? null);
  const relay = await poll('the relay’s span', async () => ofOrder(orderId, 'relay') ?? null);
  const purchase = await poll(
    'the span of the purchase',
    async () => spans.find(({ name, traceId }) => name === 'purchase' && traceId === store.traceId) ?? null,
  );
  expect([purchase.service, relay.service, store.service]).toEqual([
    'seckill-service',
    'seckill-service',
    'order-worker',
  ]);
  expect(new Set([purchase, relay, store].map(({ traceId }) => traceId)).size).toBe(1);
  expect([relay.parentSpanId, store.parentSpanId]).toEqual([purchase.spanId, purchase.spanId]);
  expect(attributeOf(purchase.attributes, 'seckill.outcome')).toBe('accepted');
  expect(attributeOf(purchase.attributes, 'seckill.request_id')).toBe(requestId);
  for (const { startTimeUnixNano, endTimeUnixNano } of [purchase, relay, store])
    expect(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano)).toBe(true);
});

test('two purchases are two traces', async () => {
  const [one, other] = [await bought(), await bought()];
  const [first, second] = await poll('both', async () => {
    const both = [ofOrder(one.orderId, 'store'), ofOrder(other.orderId, 'store')];
    return both[0] !== undefined && both[1] !== undefined && both;
  });
  expect(first?.traceId).not.toBe(second?.traceId);
});

test('a collector that is gone costs spans, and no order', async () => {
  collector.closeAllConnections();
  collector.close();
  const { orderId } = await bought();
  await poll('the order to be stored', async () => {
    const { rows } = await own.pool.query('SELECT state FROM orders WHERE id = $1', [orderId]);
    return rows[0]?.state === 'awaiting_payment';
  });
});
