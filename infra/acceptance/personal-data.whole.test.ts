import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { boughtOrder, orderIs } from '#lab/kits/bought-order.ts';
import { readChangeFiles } from '#lab/kits/cdc-reader.ts';
import { newSaleId, openSale, seckill } from '#lab/kits/command-line.ts';
import { openPatientConnections } from '#lab/kits/patient-connections.ts';
import { poll } from '#lab/poll.ts';
import { redisText } from '#lab/servers/redis-text.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { call, type HeldTicket } from '#loadtest/crowd/shopper.ts';
import { stackStatus } from '../stack/running-stack.ts';

const stack = stackUnderTest();
const pool = new Pool(stack.edgeUrl, { connections: 2 });
const connections = await openPatientConnections(stack.env);
const saleId = newSaleId('personal');
/** Nobody else is called so, or lives there. */
const mark = crypto.randomUUID().slice(0, 8);
const [name, city] = [`Unmistakable ${mark}`, `不会错的城市${mark}`];
const details = { name, address: { lines: ['1 High Street'], city, postalCode: '200001', country: 'CN' } };

beforeAll(() => openSale(stack.env, { saleId, units: 2, collect: ['name', 'address'] }));
afterAll(async () => {
  await pool.close();
  await connections.close();
});

const bought = () => boughtOrder(pool, saleId);
const stateIs = (held: HeldTicket, state: string) => orderIs(pool, held, state);
const press = (held: HeldTicket, what: string) =>
  call(pool, 'POST', `/api/orders/${held.orderId}/${what}`, { token: held.token, body: {} });
async function give(held: HeldTicket, body: object): Promise<number> {
  const headers = { authorization: `Bearer ${held.token}`, 'content-type': 'application/json' };
  const url = `${stack.edgeUrl}/api/orders/${held.orderId}/details`;
  const answer = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(body) });
  await answer.body?.cancel();
  return answer.status;
}

const isTold = (text: string) => text.includes(mark);
const show = async (held: HeldTicket, ...more: string[]) =>
  (await seckill(stack.env, 'order', 'show', held.orderId, ...more)).stdout;

const dataTeam = 'files of the data team';
/** Where a text stands: in either Redis, a table, the files of the data team, a file of the stack's logs, or a process' metrics. */
async function placesOf(text: string): Promise<string[]> {
  const holds = (other: string) => other.includes(text);
  const { stockRedis, queueRedis, pool: postgres } = connections;
  const { rows: tables } = await postgres.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
  );
  const counts = tables.map(async (table) => {
    const { rowCount } = await postgres.query(`SELECT FROM ${table.name} AS t WHERE t::text LIKE $1`, [`%${text}%`]);
    return [`table ${table.name}`, rowCount !== 0] as const;
  });
  const logs = join(stack.dir, 'logs');
  const files = readdirSync(logs, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(logs, file)).isFile(),
  );
  const { processes } = await stackStatus(stack.dir);
  const pages = processes.flatMap(({ innerUrl }) => innerUrl ?? []);
  const metrics = pages.map(async (url) => [url, holds(await (await fetch(`${url}/metrics`)).text())] as const);
  const all = [
    ['stock Redis', holds(await redisText(stockRedis))] as const,
    ['queue Redis', holds(await redisText(queueRedis))] as const,
    [dataTeam, holds(JSON.stringify(await readChangeFiles(join(stack.dir, 'cdc'))))] as const,
    ...files.map((file) => [`log ${file}`, holds(readFileSync(join(logs, file), 'utf8'))] as const),
    ...(await Promise.all([...counts, ...metrics])),
  ];
  expect(all.length).toBeGreaterThan(15);
  return all.filter(([, isThere]) => isThere).map(([place]) => place);
}

test('contact and address come to nobody but who asks for them by right, and are forgotten at the word of ops (I10)', async () => {
  const held = await bought();
  // First they are given, then the order is paid.
  expect(await press(held, 'payment')).toMatchObject({ status: 409, body: { code: 'ORDER_STATE' } });
  expect(await give(held, { ...details, name: `${name}\u202e` })).toBe(400);
  expect(await give(held, { ...details, name: mark.repeat(1300) })).toBe(413);
  expect(await give(held, details)).toBe(204);
  expect((await press(held, 'payment')).status).toBe(201);
  await stateIs(held, 'paid');
  expect(await placesOf(mark)).toEqual([]);
  await poll('the data team to have the order', async () => (await placesOf(held.orderId)).includes(dataTeam));
  expect(await placesOf(mark)).toEqual([]);
  // The search finds what is there.
  expect(await placesOf(held.orderId)).toEqual(
    expect.arrayContaining(['stock Redis', 'table orders', 'table order_details', 'table payments']),
  );
  expect(isTold(await show(held))).toBe(false);
  const shown = await show(held, '--personal');
  expect([shown.includes(name), shown.includes(city)]).toEqual([true, true]);

  const { rows } = await connections.pool.query<{ user_id: string }>('SELECT user_id FROM orders WHERE id = $1', [
    held.orderId,
  ]);
  const userId = rows[0]?.user_id ?? '';
  expect((await press(held, 'refund')).status).toBe(202);
  await stateIs(held, 'refunded');
  expect(await seckill(stack.env, 'people', 'forget', userId, '--yes')).toMatchObject({ code: 0 });
  expect(isTold(await show(held, '--personal'))).toBe(false);
  expect(await seckill(stack.env, 'people', 'forget', userId, '--yes')).toMatchObject({ code: 0 });
  expect(await placesOf(mark)).toEqual([]);
  expect(await placesOf(held.orderId)).not.toContain('table order_details');
});
