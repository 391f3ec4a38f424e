import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { defaultDelivery } from '#contract/subscribers.ts';
import { createRandom } from '#lab/random.ts';
import { createSubscriberStore, type NewSubscriber } from '#order-worker/subscribers/subscriber-store.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectPostgres } from '#runtime/postgres/connect.ts';
import { newWebhookSecret, parseWebhookSecrets, verifyWebhook } from '#runtime/standard-webhooks.ts';

/** What is looked at of an event: the rest is the contract's own tests' business. */
const eventSchema = z.object({
  id: z.string(),
  type: z.string(),
  data: z.object({ orderId: z.string(), version: z.int() }),
});
const refusedShare = 0.1;

export type Listener = {
  /** The versions of an order that were heard of, in the order in which they came, repetitions left out. */
  heard: (orderId: string) => number[];
  /** How many different events said that the order expired. */
  expiries: (orderId: string) => number;
  /** Calls that were not signed by the secret, or not an event. */
  strangers: () => number;
  close: () => Promise<void>;
};

/**
 * Two subscribers of the stack's events: one that listens, and refuses one call in ten, and one whose address nobody
 * answers at, which must keep nobody waiting.
 */
export async function listenToOrders(databaseUrl: string, seed: number): Promise<Listener> {
  const random = createRandom(seed);
  const secret = newWebhookSecret();
  const keys = parseWebhookSecrets(secret);
  const versions = new Map<string, Set<number>>();
  const expiries = new Map<string, Set<string>>();
  let strangers = 0;

  const server = createServer(async (request, response) => {
    const answer = (status: number) => response.writeHead(status).end();
    const body = await read(request).catch(() => null);
    if (body === null) return; // whoever called was killed in the middle of it
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const event = eventSchema.safeParse(parseJson(body));
    const isGenuine = verifyWebhook({ headers, body, nowMs: Date.now() }, keys).kind === 'genuine';
    if (!isGenuine || !event.success) {
      strangers += 1;
      return answer(400);
    }
    if (random.chance(refusedShare)) return answer(500);
    const { orderId, version } = event.data.data;
    versions.set(orderId, (versions.get(orderId) ?? new Set()).add(version));
    if (event.data.type === 'order.expired')
      expiries.set(orderId, (expiries.get(orderId) ?? new Set()).add(event.data.id));
    return answer(204);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on a port

  const logger = createLogger({ service: 'chaos', instance: 'chaos', level: 'silent' });
  const pool = connectPostgres(databaseUrl, logger, { max: 1 });
  const store = createSubscriberStore(pool);
  const common = { ...defaultDelivery, allowInner: true, types: null, secret };
  const quick = { tries: 100, firstMs: 100, longestMs: 1000 };
  const subscribers: NewSubscriber[] = [
    { ...common, name: 'chaos-listens', url: `http://127.0.0.1:${port}/`, retry: quick },
    { ...common, name: 'chaos-is-gone', url: 'http://127.0.0.1:1/', retry: quick },
  ];
  for (const subscriber of subscribers) await store.add(subscriber);
  await store.begin();
  await pool.end();

  return {
    heard: (orderId) => [...(versions.get(orderId) ?? [])],
    expiries: (orderId) => expiries.get(orderId)?.size ?? 0,
    strangers: () => strangers,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
