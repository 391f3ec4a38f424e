import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { newSaleId, openSale } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { buy, getTicket, type HeldTicket, signIn } from '#loadtest/crowd/shopper.ts';
import { type Stack, startStack } from '../stack/stack.ts';

// Each waits for several processes, one after the other.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 });

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
let stack: Stack;
let dir: string;
let pool: Pool;
const saleId = newSaleId('traces');

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
  dir = await mkdtemp(join(tmpdir(), 'traces-'));
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
  stack = await startStack({ dir, port: 'any', environment: process.env, settings });
  pool = new Pool(stack.edgeUrl, { connections: 2 });
  await openSale(stack.environment, { saleId, units: 100 });
});
afterAll(async () => {
  await pool?.close();
  await stack?.stop();
  collector?.closeAllConnections();
  collector?.close();
  await rm(dir, { recursive: true, force: true });
});

/** Somebody's purchase that was accepted at the first try: a second one would be another trace. */
const bought = (): Promise<HeldTicket> =>
  poll('a purchase to be accepted at once', async () => {
    const held = await getTicket(pool, saleId, await signIn(pool));
    if (!('ticket' in held)) throw new Error(`no ticket: ${JSON.stringify(held)}`);
    const { status } = await buy(pool, saleId, held, async () => undefined, 1);
    return status === 202 && held;
  });
const ofOrder = (orderId: string, name: string) =>
  spans.find((span) => span.name === name && attributeOf(span.attributes, 'seckill.order') === orderId);

test('one trace leads from the purchase in the service over the queue to the row in the worker', async () => {
  const { orderId } = await bought();
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
  expect(attributeOf(purchase.attributes, 'seckill.request_id')).toMatch(/^[0-9a-f]{32}$/);
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
  const { orderId, token } = await bought();
  await poll('the order to be stored', async () => {
    const answer = await fetch(`${stack.edgeUrl}/api/orders/${orderId}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return ((await answer.json()) as { state: string }).state === 'awaiting_payment';
  });
});
