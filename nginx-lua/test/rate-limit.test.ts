import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { siteShare } from '#infra/stack/servers/edge-places.ts';
import { runLua } from '#lab/kits/lua/run-lua.ts';

const ratePerSecond = 10;
const burst = 20;

/** For each arrival (seconds from the start, in order): 0 when it may pass, else the seconds it was told to wait. */
function waits(arrivals: readonly number[]): number[] {
  return runLua(
    `local start, waits = clock.seconds, {}
     local limits, take = require('seckill.limits'), require('seckill.gcra').take
     limits.init({ userPerSecond = ${ratePerSecond}, userBurst = ${burst},
                   addressPerSecond = 1, addressBurst = 1, serverPerSecond = 1, serverBurst = 1, inFlight = 1 }, 1)
     local rate = limits.get().user
     for i, arrival in ipairs(input) do
       clock.seconds = start + arrival
       waits[i] = take(ngx.shared.rates, 'someone', rate) or 0
     end
     return waits`,
    arrivals,
  ) as number[];
}

const passed = (arrivals: readonly number[]) => {
  const told = waits(arrivals);
  return arrivals.filter((_, index) => told[index] === 0);
};

test('a burst passes whole, and the request after it is told to wait', () => {
  const told = waits(Array.from({ length: burst + 1 }, () => 0));
  expect(told.slice(0, burst)).toEqual(Array.from({ length: burst }, () => 0));
  expect(told[burst]).toBe(1);
});

test('a steady stream at the rate is never refused', () => {
  expect(waits(Array.from({ length: 2000 }, (_, index) => index / ratePerSecond))).not.toContain(1);
});

test('whoever hammers still gets the rate, neither more nor less', () => {
  const seconds = 30;
  const all = Array.from({ length: seconds * 1000 }, (_, index) => index / 1000);
  const expected = burst + seconds * ratePerSecond;
  expect(Math.abs(passed(all).length - expected)).toBeLessThanOrEqual(1);
});

test('no window of time holds more than the burst and the rate, whatever the arrivals', () => {
  // A fixed linear congruential generator (Numerical Recipes): the same arrivals in every run.
  let seed = 20261111;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  let at = 0;
  const arrivals = Array.from({ length: 3000 }, () => {
    at += random() < 0.02 ? random() * 5 : random() * 0.05;
    return at;
  });
  const times = passed(arrivals);
  // By how many the fullest of all windows exceeds what its length allows.
  const excess = times.map((from, first) =>
    Math.max(...times.slice(first).map((to, more) => more + 1 - burst - (to - from) * ratePerSecond)),
  );
  // One more for the half interval of slack.
  expect(Math.max(...excess)).toBeLessThanOrEqual(1);
  expect(times.length).toBeGreaterThan(burst);
});

test('repeats have a budget: as many at once as may be in flight, a hundred a second after that', () => {
  const told = runLua(`
    local limits, repeats = require('seckill.limits'), require('seckill.filters.repeats')
    limits.init({ userPerSecond = 1, userBurst = 1, addressPerSecond = 1, addressBurst = 1, serverPerSecond = 1, serverBurst = 1, inFlight = 40 }, 4)
    local passed, users = {}, 0
    for second = 1, 3 do
      passed[second] = 0
      for _ = 1, 1000 do
        users = users + 1
        if not repeats.check('user-' .. users) then passed[second] = passed[second] + 1 end
      end
      clock.seconds = clock.seconds + (second == 1 and 0.1 or 60)
    end
    return passed`);
  expect(told).toEqual([40, 10, 40]);
});

test('repeats of one user: three at once, one a second after that, and they leave the budget to others', () => {
  const told = runLua(`
    local limits, repeats = require('seckill.limits'), require('seckill.filters.repeats')
    limits.init({ userPerSecond = 1, userBurst = 1, addressPerSecond = 1, addressBurst = 1, serverPerSecond = 1, serverBurst = 1, inFlight = 5 }, 1)
    local function passed(user, times)
      local count, last, wait = 0, nil, nil
      for _ = 1, times do
        local code, seconds = repeats.check(user)
        if not code then count = count + 1 else last, wait = code, seconds end
      end
      return { count, last, wait and wait >= 1 and wait <= 3 }
    end
    local told = { passed('ada', 100), passed('bob', 2), passed('repeats', 1) }
    clock.seconds = clock.seconds + 1
    told[4] = passed('ada', 100)
    return told`);
  expect(told).toEqual([[3, 'RATE_LIMITED', true], [2], [0, 'BUSY', true], [1, 'RATE_LIMITED', true]]);
});

describe.each(['address', 'server'])('in the limit of each %s, one', (limit) => {
  const told = (addresses: readonly string[]) =>
    runLua(
      `local limits, address = require('seckill.limits'), require('seckill.filters.rate').${limit}
       limits.init({ userPerSecond = 1, userBurst = 1, addressPerSecond = 1, addressBurst = 1, serverPerSecond = 1, serverBurst = 1, inFlight = 1 }, 1)
       local told = {}
       for i, hex in ipairs(input) do
         told[i] = address((hex:gsub('..', function(pair) return string.char(tonumber(pair, 16)) end))) or 0
       end
       return told`,
      addresses,
    );
  const network = '20010db800000001';
  test('of IPv6 is counted by its network of 2^64 addresses, one of IPv4 and the loopback by itself', () => {
    expect(told([`${network}0000000000000001`, `${network}ffffffffffffffff`])).toEqual([0, 1]);
    expect(told([`${network}0000000000000001`, '20010db8000000020000000000000001'])).toEqual([0, 0]);
    expect(told(['c6336401', 'c6336401', 'c6336402'])).toEqual([0, 1, 0]);
    expect(told([`${'0'.repeat(31)}1`, `${'0'.repeat(31)}1`])).toEqual([0, 1]);
  });

  test('of IPv6 that carries one of IPv4 is that one: ::ffff:a.b.c.d, 64:ff9b::a.b.c.d', () => {
    const mapped = '00000000000000000000ffff';
    const nat64 = '0064ff9b0000000000000000';
    expect(told(['c6336401', `${mapped}c6336401`, `${nat64}c6336401`])).toEqual([0, 1, 1]);
    expect(told([`${mapped}c6336401`, `${nat64}c6336402`, `${nat64}c6336403`])).toEqual([0, 0, 0]);
    // A longer prefix of 64:ff9b: is a network like any other.
    expect(told(['0064ff9b000100000000000000000001', '0064ff9b000100000000000000000002'])).toEqual([0, 1]);
  });

  test('of IPv6 shares a second budget with the 255 other networks of its site, eight times as large', () => {
    const inSite = (nth: number) => `20010db8000000${nth.toString(16).padStart(2, '0')}0000000000000001`;
    const other = '20010db80000010000000000000000001'.slice(0, 32);
    const all = [...Array.from({ length: 9 }, (_, nth) => inSite(nth)), other];
    expect(told(all)).toEqual([...Array(8).fill(0), 1, 0]);
  });
});

test('a site has the same share of rates and of connections', () => {
  const lua = readFileSync(join(import.meta.dirname, '../lua/seckill/limits.lua'), 'utf8');
  expect(Number(/SITE_SHARE = (\d+)/.exec(lua)?.[1])).toBe(siteShare);
});
