import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { DrainSettings } from '#contract/drain.ts';
import { opsPaths } from '#contract/ops.ts';
import { seckill, seckillJson } from '#lab/kits/command-line.ts';
import { openPatientConnections } from '#lab/kits/patient-connections.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { changeDrainSettings, readDrainSettings } from '#order-worker/drain/settings.ts';
import type { Connections } from '../cli/kit/connections.ts';
import { stackStatus } from '../stack/running-stack.ts';

// The rate and the pause hold for every order of the stack: each test puts back what was set before.
const stack = stackUnderTest();
const token = stack.env.SECKILL_CONSOLE_TOKEN ?? '';
let connections: Connections;
let before: DrainSettings;
let worker: string;

beforeAll(async () => {
  connections = await openPatientConnections(stack.env);
  before = await poll('the settings of the drain', () => readDrainSettings(connections.zookeeper));
  const { processes } = await stackStatus(stack.dir);
  worker = processes.find(({ role }) => role === 'order-worker')?.innerUrl ?? '';
});
afterEach(() => changeDrainSettings(connections.zookeeper, before));
afterAll(() => connections.close());

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(worker + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

test('the drain rate is set, paused, resumed and shown, and the running worker obeys', async () => {
  type Shown = { workers: unknown[]; because: string[]; limitPerSecond: number | null };
  /** A worker reports once a second, and is slower by itself when the database is. */
  const shown = () => seckillJson<Shown>(stack.env, 'drain', 'show');
  await seckillJson(stack.env, 'drain', 'rate', '321');
  const says = (line: string) => async () => (await (await fetch(`${worker}/metrics`)).text()).includes(line);
  await poll('the worker to obey', says('seckill_drain_limit_per_second 321'));
  const running = { ratePerSecond: 321, paused: false, limitPerSecond: 321, because: [] };
  await expect.poll(shown, { timeout: 60_000 }).toMatchObject(running);

  expect(await seckillJson(stack.env, 'drain', 'pause')).toEqual({ ratePerSecond: 321, paused: true });
  await poll('the worker to stand still', says('seckill_drain_paused 1'));
  // A rate that is set meanwhile does not end the pause.
  expect(await seckillJson(stack.env, 'drain', 'rate', '500')).toEqual({ ratePerSecond: 500, paused: true });
  await expect.poll(shown, { timeout: 60_000 }).toMatchObject({
    limitPerSecond: 0,
    because: ['paused by ops: seckill drain resume'],
  });
  expect((await seckill(stack.env, 'drain', 'show')).stdout).toMatch(/^set +500 orders\/s, PAUSED\n/);
  expect(await seckillJson(stack.env, 'drain', 'resume')).toEqual({ ratePerSecond: 500, paused: false });
  await poll('the worker to go on', says('seckill_drain_paused 0'));
  const { code, stderr } = await seckill(stack.env, 'drain', 'rate', '0');
  expect([code, stderr]).toEqual([2, expect.stringContaining('1 to 1000000')]);
});

test('the drain obeys, and a wrong change says what is wrong and changes nothing', async () => {
  expect(await (await post(opsPaths.drain, { ratePerSecond: 321 })).json()).toMatchObject({ ratePerSecond: 321 });
  expect(await seckillJson(stack.env, 'drain', 'show')).toMatchObject({ ratePerSecond: 321 });
  for (const [body, says] of [
    [{ ratePerSecond: 0 }, 'pause the drain'],
    [{ ratePerSecond: 'fast' }, 'whole number'],
    [{}, 'nothing to change'],
    [{ rate: 5 }, 'rate'],
  ] as const) {
    const answer = await post(opsPaths.drain, body);
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as { detail: string }).detail).toContain(says);
  }
  expect((await post(opsPaths.drain, { paused: true }, { 'content-type': 'text/plain' })).status).toBe(415);
  expect(await (await post(opsPaths.drain, { ratePerSecond: 500 })).json()).toEqual({
    ratePerSecond: 500,
    paused: false,
  });
});
