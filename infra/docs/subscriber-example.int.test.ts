import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { batchMessageOf, messageOf, testEvent } from '#order-worker/subscribers/event-message.ts';
import { newWebhookSecret } from '#runtime/standard-webhooks.ts';

const docs = resolve(import.meta.dirname, '../../docs');
const file = resolve(docs, 'examples/subscriber.mjs');
const secret = newWebhookSecret();
const event = (order: string, version: number) => {
  const { data, ...rest } = testEvent(order, new Date());
  return { ...rest, id: `${data.orderId}-${version}`, data: { ...data, version } };
};
let port = 0;
let printed = '';
let example: ReturnType<typeof spawn>;

beforeAll(async () => {
  port = await freePort();
  example = spawn(process.execPath, [file], {
    env: { ...process.env, SECRET: secret, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  example.stdout?.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  await poll('the example to listen', () => send({ body: '', headers: {} }).catch(() => null));
});
afterAll(() => {
  example.kill('SIGKILL');
});

async function send({ body, headers }: { body: string; headers: Record<string, string> }): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, headers })).status;
}

test('the receiver in the documentation verifies, takes batches, and skips what it knows', async () => {
  const now = Date.now();
  expect(await send(messageOf(event('a', 1), [secret], now))).toBe(204);
  expect(await send(messageOf(event('a', 1), [secret], now))).toBe(204);
  expect(await send(batchMessageOf([event('a', 1), event('a', 2), event('b', 1)], [secret], now))).toBe(204);
  expect(await send(messageOf(event('c', 1), [newWebhookSecret()], now))).toBe(401);
  expect(await send(messageOf(event('c', 1), [newWebhookSecret(), secret], now))).toBe(204); // while secrets rotate
  expect(await send(messageOf(event('d', 1), [secret], now - 301_000))).toBe(401);
  const forged = messageOf(event('d', 1), [secret], now);
  expect(await send({ ...forged, body: forged.body.replace('test-d', 'test-e') })).toBe(401);
  await poll('four lines to be printed', async () => printed.split('\n').length > 4);
  expect(printed.trim().split('\n')).toEqual([
    'order.test test-a 1',
    'order.test test-a 2',
    'order.test test-b 1',
    'order.test test-c 1',
  ]);
});

test('it is the one that the documentation shows', () => {
  expect(readFileSync(resolve(docs, 'subscribers.md'), 'utf8')).toContain(readFileSync(file, 'utf8'));
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
