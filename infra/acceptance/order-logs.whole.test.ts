import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { newSaleId, openSale } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { getTicket, type HeldTicket, signIn } from '#loadtest/crowd/shopper.ts';
import { rotateGrowing } from '../stack/host/rotate-growing.ts';
import { stackStatus } from '../stack/running-stack.ts';

// Each waits for several processes, one after the other.
vi.setConfig({ testTimeout: 180_000 });

const stack = stackUnderTest();
const saleId = newSaleId('logs');
const pool = new Pool(stack.edgeUrl, { connections: 2 });

/** The whole lines of every log of the stack, Node's and nginx', that name a text; a last one may be half written. */
function linesWith(text: string): Record<string, unknown>[] {
  const files = readdirSync(stack.dir, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.log'))
    .map((file) => join(stack.dir, file))
    .filter((file) => statSync(file).isFile());
  const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(0, -1));
  return lines.filter((line) => line.includes(text)).map((line) => JSON.parse(line) as Record<string, unknown>);
}
const serviceOf = (line: Record<string, unknown>) => String(line.service);

async function ticket(): Promise<HeldTicket> {
  const held = await getTicket(pool, saleId, await signIn(pool));
  if (!('ticket' in held)) throw new Error(`no ticket: ${JSON.stringify(held)}`);
  return held;
}
async function purchase(held: HeldTicket, requestId?: string) {
  const response = await fetch(`${stack.edgeUrl}/api/sales/${saleId}/orders`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'seckill-ticket': held.ticket,
      ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
    },
    body: '{"quantity":1}',
  });
  await response.body?.cancel();
  return { status: response.status, requestId: response.headers.get('x-request-id') ?? '' };
}

/** Somebody's purchase that was accepted at the first try: a second one would have another request id. */
const accepted = (requestId?: string) =>
  poll('a purchase to be accepted at once', async () => {
    const held = await ticket();
    const answer = await purchase(held, requestId);
    return answer.status === 202 && { held, requestId: answer.requestId };
  });

beforeAll(() => openSale(stack.env, { saleId, units: 200 }));
afterAll(() => pool.close());

describe('an order that was bought through the edge', () => {
  let held: HeldTicket;
  let requestId: string;
  beforeAll(async () => {
    ({ held, requestId } = await accepted());
    await poll('edge, service and worker to have logged it', async () =>
      ['edge', 'seckill-service', 'order-worker'].every((service) =>
        linesWith(requestId).some((line) => serviceOf(line) === service),
      ),
    );
  });

  test('is found by its order id in every log that it went through, each line with the one request id', () => {
    expect(requestId).toMatch(/^[0-9a-f]{32}$/);
    const lines = linesWith(held.orderId).filter((line) => JSON.stringify(line).includes('requestId'));
    expect([...new Set(lines.map(serviceOf))].sort()).toEqual(['edge', 'order-worker', 'seckill-service']);
    for (const line of lines) expect(JSON.stringify(line)).toContain(`"requestId":"${requestId}"`);
  });

  test('is found by the request id that its shopper was told', () => {
    const services = linesWith(requestId).map(serviceOf);
    expect([...new Set(services)].sort()).toEqual(['edge', 'order-worker', 'seckill-service']);
  });
});

test('a request id from outside is kept when it is well-formed, and replaced when it is not', async () => {
  const given = `shop-${crypto.randomUUID()}`;
  expect((await accepted(given)).requestId).toBe(given);
  await poll('the worker to log it', async () => linesWith(given).some((line) => serviceOf(line) === 'order-worker'));
  for (const odd of ['short', 'x'.repeat(65), 'has a space', '{"level":"fatal"}', 'a"b\\c12345']) {
    const { requestId } = await purchase(await ticket(), odd);
    expect(requestId).not.toBe(odd);
    expect(requestId).toMatch(/^[0-9a-f]{32}$/);
  }
});

test('what the edge refuses by itself costs no line', async () => {
  const [refused, passed] = [`refused-${crypto.randomUUID()}`, `passed-${crypto.randomUUID()}`];
  const held = await ticket();
  expect((await purchase({ ...held, ticket: `${held.ticket}x` }, refused)).status).toBe(401);
  await poll('the other one to pass', async () => (await purchase(held, passed)).status === 202);
  // A buffer writes the lines in their order: when the later one is there, the other one never comes.
  await poll('the edge to write its buffer', async () => linesWith(passed).some((line) => serviceOf(line) === 'edge'));
  expect(linesWith(refused)).toEqual([]);
});

test('a log of purchases that has grown is put aside, and the edge goes on in a new one', async () => {
  const { processes } = await stackStatus(stack.dir);
  const pid = processes.find(({ role }) => role === 'edge')?.pid ?? 0;
  const [name = ''] = readdirSync(stack.dir, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('purchases.log'),
  );
  const file = join(stack.dir, name);
  expect(rotateGrowing({ file, reopenBy: 'SIGUSR1' }, pid, 1_000_000_000)).toBe(false);
  expect(rotateGrowing({ file, reopenBy: 'SIGUSR1' }, pid, 0)).toBe(true);
  // Its workers open it when the signal has reached them: until then they write into the old one.
  await poll('the new file', async () => existsSync(file));
  await poll(
    'a purchase in the new file',
    async () => {
      const id = `after-${crypto.randomUUID()}`;
      await purchase(await ticket(), id);
      return poll('its line', async () => linesWith(id).some((line) => serviceOf(line) === 'edge'), 5000).catch(
        () => null,
      );
    },
    90_000,
  );
  expect(readFileSync(`${file}.1`, 'utf8')).toContain(saleId);
});
