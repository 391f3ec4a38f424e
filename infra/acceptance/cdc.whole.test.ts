import { readFile } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { boughtOrder } from '#lab/kits/bought-order.ts';
import { readChangeFiles, tablesOf } from '#lab/kits/cdc-reader.ts';
import { newSaleId, openSale, seckill } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';

const stack = stackUnderTest();
const pool = new Pool(stack.edgeUrl, { connections: 2 });
const saleId = newSaleId('cdc');
const read = async () => tablesOf(await readChangeFiles(join(stack.dir, 'cdc'))).rows;

beforeAll(() => openSale(stack.env, { saleId, units: 2 }));
afterAll(() => pool.close());

test('an order that a shopper bought is in the files of the data team, with its event', async () => {
  const { orderId } = await boughtOrder(pool, saleId);
  const row = await poll('the order in the files', async () => (await read()).get(`orders ${orderId}`) ?? null);
  expect(row).toMatchObject({ id: orderId, sale_id: saleId, state: 'awaiting_payment', version: 1 });
  const events = [...(await read()).values()].filter((event) => event.order_id === orderId && 'type' in event);
  expect(events).toMatchObject([{ type: 'order.created', version: 1 }]);
});

test('it takes a processor only when nothing else wants it', async () => {
  const { stdout } = await seckill(stack.env, 'status', '--json');
  const { processes } = JSON.parse(stdout) as { processes: { role: string; pid: number }[] };
  const pid = processes.find(({ role }) => role === 'cdc')?.pid ?? 0;
  expect(getPriority(pid)).toBe(19);
  // A kernel that weighs sessions, not processes: nice alone would be of no use.
  const group = await readFile(`/proc/${pid}/autogroup`, 'utf8').catch(() => 'none');
  expect(group).toMatch(/^none$|nice 19$/m);
});

test('ops see how it is, and have all tables read again: each row is there once more, of the next generation', async () => {
  const status = async () => {
    const { code, stdout } = await seckill(stack.env, 'cdc', 'status', '--json');
    const { processes, troubles } = JSON.parse(stdout) as {
      processes: { state: string; generation: number; lagSeconds: number; instance: string }[];
      troubles: string[];
    };
    return { code, troubles, leader: processes.find(({ state }) => state !== 'standing_by') };
  };
  const before = await poll('it to stream', async () => {
    const seen = await status();
    return seen.leader?.state === 'streaming' && seen;
  });
  expect(before).toMatchObject({ code: 0, troubles: [], leader: { instance: 'cdc-1' } });
  const generation = before.leader?.generation ?? 0;
  expect(await seckill(stack.env, 'cdc', 'snapshot')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('add --yes'),
  });
  const taken = await seckill(stack.env, 'cdc', 'snapshot', '--yes', '--json');
  expect([taken.code, JSON.parse(taken.stdout)]).toMatchObject([0, { isDone: true, generation: generation + 1 }]);
  const text = (await seckill(stack.env, 'cdc', 'status')).stdout;
  expect(text).toContain('publication  seckill_cdc: orders, order_events, payments, refunds');
  expect(text).toMatch(/snapshot {5}asked for at \S+, done/);
});
