import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bodyOf, redisScriptSuite } from '#lab/suites/redis-script.ts';
import { readHeader } from '#runtime/redis/script-header.ts';
import { loadScripts, saleKeysOf } from './load-scripts.ts';
import { replies } from './replies.ts';

const scripts = [...loadScripts().values()];

test('every script file is in the reply table, and the other way round', () => {
  const files = readdirSync(new URL('./scripts', import.meta.url)).map((file) => file.replace('.lua', ''));
  expect(files.sort()).toEqual(Object.keys(replies).sort());
});

for (const { name, lua } of scripts) redisScriptSuite({ name, lua, replies: replies[name] });

describe.each(scripts)('the script $name', ({ name, lua }) => {
  test('walks nothing of unknown length and builds no key', () => {
    const body = bodyOf(lua);
    // The audit's cut and what mends it may: their headers say what it costs.
    const whole = name === 'read-books' || name === 'recount' ? '' : '|HGETALL';
    expect(body).not.toMatch(new RegExp(`'(KEYS|SCAN|HSCAN${whole}|SMEMBERS|XRANGE)'|while |repeat`));
    expect(body).not.toContain("'seckill:");
  });
});

test('a key that is none of a sale is refused by name', () => {
  const header = readHeader('x', '-- x: does\n-- Keeps: I1\n-- KEYS[1] shelf\n-- Returns 1 DONE\n-- Cost: 1.\n');
  expect(() => saleKeysOf('x', header)).toThrow('x.lua: KEYS[1] names no key of redis-keys.ts');
});

test('one script writes to the outbox, one pair an order, as contract/outbox.ts describes it', () => {
  const written = scripts.flatMap(({ lua }) => [...bodyOf(lua).matchAll(/'XADD', (.+)\)$/gm)].map(([, rest]) => rest));
  expect(written).toEqual(["outboxKey, '*', orderId, units .. ':' .. text .. ':' .. origin .. ':' .. userId"]);
});
