import { expect, test } from 'vitest';
import { highestEpoch } from '#contract/epoch.ts';
import { runLua } from '#lab/kits/lua/run-lua.ts';

const base = `
  local revision = require('seckill.revision')
  local limits, settings = require('seckill.limits'), require('seckill.settings')
  limits.init({ userPerSecond = 10, userBurst = 20, addressPerSecond = 100, addressBurst = 100, serverPerSecond = 1, serverBurst = 1, inFlight = 512 }, 2)`;

/** Applies each of `steps`; returns the problem, the version, the rate by user and the maintenance after each. */
function after(steps: readonly unknown[]): unknown {
  return runLua(
    `${base}
     local seen = {}
     for i, step in ipairs(input) do
       local problem = settings.apply(step)
       revision.look()
       seen[i] = { problem or '', settings.version(), limits.effective().userPerSecond, settings.maintenance() or 0 }
     end
     return seen`,
    steps,
  );
}

test('settings are taken as a whole, and an older version changes nothing', () => {
  const on = { retryAfterSeconds: 30 };
  expect(
    after([
      { version: 2, limits: { userPerSecond: 4 }, maintenance: on },
      { version: 1, limits: {}, maintenance: null },
      { version: 2, limits: { userPerSecond: 4 }, maintenance: on },
      { version: 3, limits: {}, maintenance: null },
    ]),
  ).toEqual([
    ['', 2, 4, 30],
    ['', 2, 4, 30],
    ['', 2, 4, 30],
    ['', 3, 10, 0],
  ]);
});

test('one thing in them that makes no sense, and nothing is taken', () => {
  const good = { version: 7, limits: { userPerSecond: 5 }, maintenance: null };
  const problems = after([
    good,
    7,
    { ...good, version: 0 },
    { ...good, version: '8' },
    { ...good, version: 8, limits: 3 },
    { ...good, version: 8, limits: { userPerSecond: -1 } },
    { ...good, version: 8, limits: { userPerSecond: 6, userBurst: 'many' } },
    { ...good, version: 8, maintenance: { retryAfterSeconds: 0 } },
    { ...good, version: 8, maintenance: { retryAfterSeconds: 3601 } },
    { ...good, version: 8, maintenance: {} },
  ]) as [string, number, number, number][];
  expect(problems.map(([, ...state]) => state)).toEqual(problems.map(() => [7, 5, 0]));
  expect(problems.map(([problem]) => problem === '')).toEqual([true, ...Array(9).fill(false)]);
});

test('a limit that only newer edges have is left out, and the rest is obeyed', () => {
  const on = { retryAfterSeconds: 30 };
  expect(after([{ version: 7, limits: { userPerSecond: 5, everything: 1 }, maintenance: on }])).toEqual([
    ['', 7, 5, 30],
  ]);
  expect(after([{ version: 7, limits: { everything: 'much' }, maintenance: on }])).toEqual([['', 7, 10, 30]]);
});

const secret = (letter: string) => letter.repeat(32);

test('ticket keys follow what was said last, in order; a text that is wrong changes nothing', () => {
  const seen = runLua(
    `local revision, keys = require('seckill.revision'), require('seckill.ticket_keys')
     local seen = {}
     local function look(problem)
       revision.look()
       local secrets = keys.get()
       local held = {}
       for i, id in ipairs(keys.ids()) do held[i] = id .. '=' .. secrets[id]:sub(1, 1) end
       seen[#seen + 1] = (problem and 'refused ' or '') .. table.concat(held, ' ')
     end
     keys.init(input[1]) look()
     for i = 2, #input do look(keys.apply(input[i])) end
     return seen`,
    [
      `k1:${secret('a')}\n`,
      `k1:${secret('a')},k2:${secret('b')}`,
      `k2:${secret('b')}, k1:${secret('a')}`,
      `k2:short`,
      `k2:${secret('b')},k2:${secret('c')}`,
      '',
      `k3:${secret('c')}`,
    ],
  );
  expect(seen).toEqual([
    'k1=a',
    'k1=a k2=b',
    'k2=b k1=a',
    'refused k2=b k1=a',
    'refused k2=b k1=a',
    'refused k2=b k1=a',
    'k3=c',
  ]);
});

test('a version above the highest is not taken; at the highest an equal one still is', () => {
  const on = { retryAfterSeconds: 30 };
  expect(
    after([
      { version: 2 ** 53 - 1, limits: {}, maintenance: on },
      { version: highestEpoch, limits: {}, maintenance: on },
      { version: highestEpoch, limits: {}, maintenance: null },
    ]),
  ).toEqual([
    ['these are no settings', 0, 10, 0],
    ['', highestEpoch, 10, 30],
    ['', highestEpoch, 10, 0],
  ]);
});
