import { expect, test } from 'vitest';
import { highestEpoch } from '#contract/epoch.ts';
import { effectiveState, storedSaleStates } from '#contract/sale.ts';
import { runLua } from '#lab/kits/lua/run-lua.ts';

test('the edge sees the same state as the contract for every stored state at every point of the window', () => {
  const times = [0, 99, 100, 101, 199, 200, 201];
  const cases = storedSaleStates.flatMap((stored) => times.map((now) => ({ stored, now })));
  const seen = runLua(
    `local state, seen = require('seckill.state'), {}
     for i, case in ipairs(input) do seen[i] = state.effective(case.stored, 100, 200, case.now) end
     return seen`,
    cases,
  );
  expect(seen).toEqual(cases.map(({ stored, now }) => effectiveState(stored, 100, 200, now)));
});

const sale = (id: string, epoch: number, state: string) => ({
  id,
  epoch,
  state,
  opensAtMs: 0,
  closesAtMs: 9e15,
  json: '{',
});

/** Applies the steps one after the other and returns what the edge holds after each. */
function after(steps: { call: 'apply' | 'apply_snapshot' | 'remove'; with: unknown }[]): unknown {
  return runLua(
    `local state, seen = require('seckill.state'), {}
     for i, step in ipairs(input) do
       state[step.call](step.with)
       local held = {}
       for j, sale in ipairs(state.list()) do held[j] = sale.id .. ':' .. sale.epoch .. ':' .. sale.state end
       seen[i] = table.concat(held, ' ')
     end
     return seen`,
    steps,
  );
}

test('a lower epoch never overwrites a higher one, an equal one refreshes (I7)', () => {
  expect(
    after([
      { call: 'apply', with: sale('a', 5, 'open') },
      { call: 'apply', with: sale('a', 4, 'sold_out') },
      { call: 'apply', with: sale('a', 5, 'paused') },
      { call: 'apply', with: sale('a', 6, 'open') },
      { call: 'apply_snapshot', with: [sale('a', 5, 'closed')] },
    ]),
  ).toEqual(['a:5:open', 'a:5:open', 'a:5:paused', 'a:6:open', 'a:6:open']);
});

test('a snapshot forgets the sales that are not in it', () => {
  expect(
    after([
      { call: 'apply_snapshot', with: [sale('a', 1, 'open'), sale('b', 1, 'open')] },
      { call: 'apply_snapshot', with: [sale('b', 2, 'paused')] },
      { call: 'remove', with: 'b' },
    ]),
  ).toEqual(['a:1:open b:1:open', 'b:2:paused', '']);
});

test('a sale that is not one is left out, and the rest of the snapshot counts', () => {
  expect(
    after([{ call: 'apply_snapshot', with: [{ id: 'a' }, 7, sale('l'.repeat(49), 1, 'open'), sale('b', 1, 'open')] }]),
  ).toEqual(['b:1:open']);
});

test('what the edge learned by itself lasts one second and ends with a higher epoch (I7)', () => {
  const seen = runLua(
    `local state = require('seckill.state')
     local seen = {}
     local function look() seen[#seen + 1] = state.current(state.get('a'), clock.seconds * 1000) end
     local function open(epoch)
       state.apply({ id = 'a', epoch = epoch, state = 'open', opensAtMs = 0, closesAtMs = 9e15, json = '{' })
     end
     open(1) look()
     state.learn_sold_out('a', 1) look()
     clock.seconds = clock.seconds + 1.001 look()
     state.learn_sold_out('a', 1) open(2) look()
     state.learn_sold_out('a', 1) look()
     return seen`,
  );
  expect(seen).toEqual(['open', 'sold_out', 'open', 'open', 'open']);
});

test('an epoch above the highest is not taken; at the highest an equal one still is', () => {
  expect(
    after([
      { call: 'apply', with: sale('a', 5, 'open') },
      { call: 'apply', with: sale('a', 2 ** 53 - 1, 'closed') },
      { call: 'apply', with: sale('a', highestEpoch, 'paused') },
      { call: 'apply', with: sale('a', highestEpoch, 'open') },
    ]),
  ).toEqual(['a:5:open', 'a:5:open', `a:${highestEpoch}:paused`, `a:${highestEpoch}:open`]);
});
