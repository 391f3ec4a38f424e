import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { parseTicketKeys, signTicket } from '#contract/ticket.ts';
import { signSession } from '#http/authenticate.ts';
import { newSaleId, openSale, seckill, seckillJson, writeSaleFile } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { buy, call, getTicket, type HeldTicket, signIn } from '#loadtest/crowd/shopper.ts';
import type { AuditReport } from '#order-worker/audit/audit.ts';

// A busy machine takes long for what is done in a moment elsewhere.
vi.setConfig({ testTimeout: 300_000 });

const stack = inject('stack');
const pool = new Pool(stack.edgeUrl, { connections: 8 });
const saleId = newSaleId('bad');
const orders = `/api/sales/${saleId}/orders`;
let held: HeldTicket;

beforeAll(async () => {
  await openSale(stack.env, { saleId, units: 5, limitPerUser: 2 });
  const ticket = await getTicket(pool, saleId, await signIn(pool));
  if (!('ticket' in ticket)) throw new Error(`no ticket: ${JSON.stringify(ticket)}`);
  held = ticket;
});
afterAll(async () => {
  // Whatever was sent: nothing was sold.
  const report = await seckillJson<AuditReport>(stack.env, 'audit', saleId);
  await pool.close();
  expect(report.units).toMatchObject({ total: 5, free: 5 });
});

/** A purchase with exactly these bytes. */
async function raw(
  body: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; code: unknown; type: unknown }> {
  const response = await pool.request({
    method: 'POST',
    path: orders,
    headers: { 'content-type': 'application/json', 'seckill-ticket': held.ticket, ...headers },
    body,
  });
  const text = await response.body.text();
  return {
    status: response.statusCode,
    code: (JSON.parse(text) as { code: unknown }).code,
    type: response.headers['content-type'],
  };
}

describe('a purchase', () => {
  test.each([
    ['malformed JSON', '{"quantity": 1', 400, 'BAD_REQUEST'],
    ['no body', '', 400, 'BAD_REQUEST'],
    ['no quantity', '{}', 400, 'BAD_REQUEST'],
    ['a list', '[1]', 400, 'BAD_REQUEST'],
    ['null', 'null', 400, 'BAD_REQUEST'],
    ['a quantity in words', '{"quantity": "one"}', 400, 'BAD_REQUEST'],
    ['quantity 0', '{"quantity": 0}', 422, 'QUANTITY_INVALID'],
    ['quantity -1', '{"quantity": -1}', 422, 'QUANTITY_INVALID'],
    ['quantity 1.5', '{"quantity": 1.5}', 422, 'QUANTITY_INVALID'],
    ['quantity 2^53', '{"quantity": 9007199254740992}', 422, 'QUANTITY_INVALID'],
    ['a quantity above the limit', '{"quantity": 3}', 409, 'LIMIT_REACHED'],
    ['a body over 80 bytes', JSON.stringify({ quantity: 1, pad: 'x'.repeat(60) }), 413, 'BODY_TOO_LARGE'],
  ])('with %s gets its own answer', async (_what, body, status, code) => {
    // The one that stock Redis decides may have to be asked again, on a busy machine.
    const answer = await poll('an answer', async () => {
      const given = await raw(body);
      return given.code !== 'UNAVAILABLE' && given;
    });
    expect(answer).toMatchObject({ status, code, type: 'application/problem+json' });
  });

  test('that is not JSON by its type is told which type to send', async () => {
    expect(await raw('quantity=1', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    });
  });

  test('with a forged, expired, foreign or missing ticket is refused', async () => {
    const keys = parseTicketKeys(readFileSync(stack.env.SECKILL_TICKET_KEYS_FILE ?? '', 'utf8'));
    const soon = Date.now() + 60_000;
    const mint = (sale: string, expiresAtMs: number, by = keys) =>
      signTicket({ orderId: newOrderId(sale, Date.now()), userId: held.userId, expiresAtMs }, by);
    const forged = mint(saleId, soon, [{ id: keys[0]?.id ?? '', secret: 'f'.repeat(64) }]);
    const codes = [];
    for (const ticket of [forged, mint(saleId, Date.now() - 1000), mint('another-sale', soon), 'rubbish']) {
      codes.push((await call(pool, 'POST', orders, { ticket, body: { quantity: 1 } })).body.code);
    }
    expect(codes).toEqual(['TICKET_INVALID', 'TICKET_EXPIRED', 'TICKET_INVALID', 'TICKET_INVALID']);
    const without = await call(pool, 'POST', orders, { body: { quantity: 1 } });
    expect([without.status, without.body.code]).toEqual([401, 'TICKET_MISSING']);
  });

  test('in an unknown sale is told so', async () => {
    const { status, body } = await call(pool, 'POST', '/api/sales/nowhere/orders', { body: { quantity: 1 } });
    expect([status, body.code]).toEqual([404, 'SALE_UNKNOWN']);
  });
});

test('a user id with braces, colons and quotes buys like any other; one of 10 KB is nobody', async () => {
  const keys = parseTicketKeys(readFileSync(stack.env.SECKILL_TICKET_KEYS_FILE ?? '', 'utf8'));
  const secret = stack.env.SECKILL_SESSION_SECRET ?? '';
  const odd = '{a}:b\'c"|张三';
  const sale = newSaleId('odd');
  await openSale(stack.env, { saleId: sale, units: 1 });
  const token = signSession(odd, secret, Date.now());
  const ticket = await getTicket(pool, sale, { userId: odd, token });
  if (!('ticket' in ticket)) throw new Error(`no ticket: ${JSON.stringify(ticket)}`);
  const bought = await buy(pool, sale, ticket, async (ms) => void (await wait(ms)), 20);
  expect(bought.status).toBe(202);
  const order = `/api/orders/${ticket.orderId}`;
  await poll('the order to be shown', async () => (await call(pool, 'GET', order, { token })).status === 200);

  const giant = 'x'.repeat(10_240);
  const nobody = await getTicket(pool, saleId, { userId: giant, token: signSession(giant, secret, Date.now()) });
  expect('body' in nobody && ['UNAUTHENTICATED', 'BAD_REQUEST']).toContain('body' in nobody && nobody.body.code);
  const forged = signTicket(
    { orderId: newOrderId(saleId, Date.now()), userId: 'x'.repeat(1000), expiresAtMs: Date.now() + 60_000 },
    keys,
  );
  expect((await call(pool, 'POST', orders, { ticket: forged, body: { quantity: 1 } })).body.code).toBe(
    'TICKET_INVALID',
  );
});

describe('a ticket', () => {
  const path = `/api/sales/${saleId}/ticket`;
  test('is not given for a wrong answer, nor for another sale’s challenge, nor without signing in', async () => {
    const { token } = held;
    const challengePath = `/api/sales/${saleId}/challenge`;
    expect((await call(pool, 'GET', challengePath)).body.code).toBe('UNAUTHENTICATED');
    const challenge = (await call(pool, 'GET', challengePath, { token })).body;
    const wrong = { challengeId: challenge.challengeId, answer: '-1' };
    expect((await call(pool, 'POST', path, { token, body: wrong })).body.code).toBe('WRONG_ANSWER');
    const tampered = { challengeId: String(challenge.challengeId).replace(saleId, 'other'), answer: '1' };
    expect((await call(pool, 'POST', path, { token, body: tampered })).body.code).toBe('WRONG_ANSWER');
    expect((await call(pool, 'POST', path, { body: wrong })).body.code).toBe('UNAUTHENTICATED');
    expect((await call(pool, 'POST', path, { token: `${token}x`, body: wrong })).body.code).toBe('UNAUTHENTICATED');
    expect((await call(pool, 'POST', path, { token, body: {} })).body.code).toBe('BAD_REQUEST');
    expect((await call(pool, 'POST', path, { token })).body.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  });
});

test('an order that was never made, or cannot be, is unknown', async () => {
  const { token } = held;
  for (const orderId of [newOrderId(saleId, Date.now()), 'x', '..%2f..%2fetc', 'a%00b']) {
    const { code } = await poll('an answer', async () => {
      const { body } = await call(pool, 'GET', `/api/orders/${orderId}`, { token });
      return body.code !== 'UNAVAILABLE' && body;
    });
    expect(['ORDER_UNKNOWN', 'NOT_FOUND', 'BAD_REQUEST']).toContain(code);
  }
});

test('a wrong method and an unknown path say so in a problem body', async () => {
  expect((await call(pool, 'GET', orders)).body.code).toBe('METHOD_NOT_ALLOWED');
  expect((await call(pool, 'GET', '/api/nothing')).body.code).toBe('NOT_FOUND');
});

test('what is not HTTP is closed or refused, and the next shopper is served', async () => {
  await new Promise<void>((resolve) => {
    const { hostname, port } = new URL(stack.edgeUrl);
    const bad = request({ host: hostname, port, path: '/', headers: { 'Transfer-Encoding': 'nonsense' } });
    bad.on('response', (response) => {
      expect(response.statusCode).toBeGreaterThanOrEqual(400);
      response.resume().on('end', resolve);
    });
    bad.on('error', () => resolve());
    bad.end();
  });
  expect((await call(pool, 'GET', `/api/sales/${saleId}`)).status).toBe(200);
});

describe('the command line', () => {
  const create = async (change: Record<string, unknown>) => {
    const id = newSaleId('file');
    const file = await writeSaleFile({ saleId: id, units: 5, ...change });
    const result = await seckill(stack.env, 'sale', 'create', file);
    expect((await seckill(stack.env, 'sale', 'show', id)).code).toBe(2); // nothing was created
    return result;
  };

  test.each([
    ['closesAt before opensAt', { closesAt: '2020-01-01T00:00:00Z' }, 'closesAt must be after opensAt'],
    ['a price with decimals', { price: { amount: 19.99, currency: 'CNY' } }, 'price.amount must be a whole number'],
    ['zero units', { units: 0 }, 'units must be at least 1'],
    ['a misspelled field', { limitPerUsr: 2 }, 'unknown field limitPerUsr'],
    ['no title', { title: undefined }, 'title is missing'],
  ])('refuses a sale file with %s, exit 2, in one line', async (_what, change, words) => {
    const { code, stderr } = await create(change);
    expect(code).toBe(2);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain(words);
  });

  test('refuses a file that is missing, no JSON or far too large, exit 2', async () => {
    expect(await seckill(stack.env, 'sale', 'create', '/nowhere.json')).toMatchObject({ code: 2 });
    const noJson = fileURLToPath(new URL('../../LICENSE', import.meta.url));
    expect((await seckill(stack.env, 'sale', 'create', noJson)).stderr).toContain('is not valid JSON');
    expect((await seckill(stack.env, 'sale', 'create', process.execPath)).stderr).toContain('at most 1 MB');
  });

  test('refuses to write tickets into a pipe, exit 2: it does not wait, and changes the rights of nothing but files', async () => {
    const pipe = join(temporaryDirectory('pipe'), 'pipe');
    execFileSync('mkfifo', ['-m', '644', pipe]);
    const reader = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK); // nothing would be waited for
    onTestFinished(() => closeSync(reader));
    const { code, stderr } = await seckill(stack.env, 'tickets', 'mint', saleId, '--count', '1', '--out', pipe);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`cannot write ${pipe}: it is a pipe`)]);
    expect(statSync(pipe).mode & 0o777).toBe(0o644);
  });

  test('refuses to preload over a live sale, exit 2, and changes nothing', async () => {
    const { code, stderr } = await seckill(stack.env, 'stock', 'preload', saleId, '--units', '500');
    expect([code, stderr]).toEqual([2, expect.stringContaining('its stock was not touched')]);
  });

  test('refuses an unknown sale, a misspelled command, a wrong number: one line that says what to change', async () => {
    expect(await seckill(stack.env, 'sale', 'open', 'nowhere')).toMatchObject({ code: 2 });
    const misspelled = await seckill(stack.env, 'sale', 'opn', saleId);
    expect([misspelled.code, misspelled.stderr]).toEqual([2, expect.stringContaining('Did you mean open?')]);
    const number = await seckill(stack.env, 'stock', 'preload', saleId, '--units', '1.5');
    expect([number.code, number.stderr]).toEqual([2, expect.stringContaining('whole number')]);
    expect((await seckill(stack.env, 'sale', 'close', saleId)).code).toBe(2); // asks, and nobody is there to answer
  });

  test('refuses an unknown SECKILL_* variable and a wrong address, exit 78', async () => {
    const unknown = await seckill({ ...stack.env, SECKILL_STOCK_REDIS_UR: 'x' }, 'sale', 'list');
    expect([unknown.code, unknown.stderr]).toEqual([
      78,
      expect.stringContaining('did you mean SECKILL_STOCK_REDIS_URL'),
    ]);
    const wrong = await seckill({ ...stack.env, SECKILL_DATABASE_URL: 'mysql://x' }, 'sale', 'list');
    expect([wrong.code, wrong.stderr]).toEqual([78, expect.stringContaining('must be a postgres:// URL')]);
    const nothing = await seckill({}, 'sale', 'list', '--dir', '/nowhere');
    expect([nothing.code, nothing.stderr]).toEqual([78, expect.stringContaining('seckill up')]);
  });
});
