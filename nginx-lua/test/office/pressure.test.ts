import { expect, test } from 'vitest';
import { createPressure } from '#gateway/tickets/pressure.ts';
import { runLua } from '#lab/kits/lua/run-lua.ts';

const calmPerSecond = 20;
type Asked = { user: string; atMs: number };

const byGateway = (asked: readonly Asked[]) => {
  const pressure = createPressure(calmPerSecond);
  return asked.map(({ user, atMs }) => pressure.workFor(user, atMs).bits);
};

/** `worker` takes turns: what a worker remembers is its own, the dictionary is shared. */
const byEdge = (asked: readonly Asked[]) =>
  runLua(
    `local workers, bits = {}, {}
     for i = 1, 3 do
       package.loaded['seckill.office.pressure'] = nil
       workers[i] = require('seckill.office.pressure')
     end
     for i, asked in ipairs(input) do
       clock.seconds = asked.atMs / 1000
       bits[i] = workers[i % 3 + 1].bits(asked.user, asked.atMs, ${calmPerSecond})
     end
     return bits`,
    asked,
  );

test('three workers of an edge together ask for as much work as the gateway, for the same users at the same times', () => {
  // A fixed linear congruential generator (Numerical Recipes): the same crowd in every run.
  let seed = 20261130;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  let atMs = 1_790_000_000_123;
  const asked = Array.from({ length: 20_000 }, (_, n) => {
    // A calm minute, a crowd that grows, a pause of many windows, some who ask again and again.
    const gapMs = n < 1000 ? 40 : n < 12_000 ? 20_000 / n : n === 15_000 ? 9_000 : 0.4;
    atMs += random() * 2 * gapMs;
    const user = random() < 0.2 ? `again-${n % 7}` : `user-${Math.floor(random() * 30_000)}`;
    return { user, atMs: Math.floor(atMs) };
  });
  const bits = byGateway(asked);
  expect(new Set(bits)).toEqual(new Set([12, 13, 14, 15, 16, 17]));
  expect(byEdge(asked)).toEqual(bits);
});

test('no more users are kept than make a difference, in any crowd', () => {
  const kept = runLua(
    `local pressure = require('seckill.office.pressure')
     for i = 1, 5000 do pressure.bits('user-' .. i, 1790000000000 + i % 2000, ${calmPerSecond}) end
     return #ngx.shared.seckill_pressure:get_keys()`,
  );
  expect(kept).toBe(calmPerSecond * 2 * 32 + 1);
});
