import { expect, test } from 'vitest';
import { runLua } from '#lab/kits/lua/run-lua.ts';

/** Applies each of `steps`, and returns its problem with the user's interval and the worker's cap after it. */
function after(steps: readonly unknown[]): unknown {
  return runLua(
    `local limits, revision = require('seckill.limits'), require('seckill.revision')
     limits.init({ userPerSecond = 10, userBurst = 20, addressPerSecond = 100, addressBurst = 100, serverPerSecond = 1, serverBurst = 1, inFlight = 512 }, 2)
     local seen = {}
     for i, step in ipairs(input) do
       local problem = limits.apply(step)
       revision.look()
       local now = limits.get()
       seen[i] = { problem or '', now.user.interval, now.in_flight }
     end
     return seen`,
    steps,
  );
}

test('what ops say takes the place of the settings, and a limit that is not named any more falls back to them', () => {
  expect(after([{ userPerSecond: 4 }, { inFlight: 20 }, {}])).toEqual([
    ['', 250, 256],
    ['', 100, 10],
    ['', 100, 256],
  ]);
});

test('one value that makes no sense, and nothing is taken; an unknown limit alone is left out', () => {
  expect(
    after([
      { userPerSecond: 4 },
      { userPerSecond: 0 },
      { inFlight: 1.5 },
      { inFlight: '9' },
      { inFlight: 8, newer: 'x' },
    ]),
  ).toEqual([
    ['', 250, 256],
    ['userPerSecond must be a whole number above 0', 250, 256],
    ['inFlight must be a whole number above 0', 250, 256],
    ['inFlight must be a whole number above 0', 250, 256],
    ['', 100, 4],
  ]);
});
