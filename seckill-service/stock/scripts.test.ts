import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadScripts, readHeader } from './load-scripts.ts';
import { replies } from './replies.ts';

const scripts = [...loadScripts().values()];

test('every script file is in the reply table, and the other way round', () => {
  const files = readdirSync(new URL('./scripts', import.meta.url)).map((file) => file.replace('.lua', ''));
  expect(files.sort()).toEqual(Object.keys(replies).sort());
});

describe.each(scripts)('the script $name', ({ name, lua, header }) => {
  const body = lua.split('\n').filter((line) => !line.startsWith('--') && !line.startsWith('#!'));

  test('its header names every key and argument that the body uses, and no other', () => {
    const used = (table: string) =>
      new Set([...body.join('\n').matchAll(new RegExp(`${table}\\[(\\d+)\\]`, 'g'))].map((match) => Number(match[1])));
    expect([...used('KEYS')].sort()).toEqual(header.keys.map((_key, index) => index + 1));
    if (lua.includes('-- ARGV[1...]')) expect(body.join('\n')).toMatch(/= ARGV$/m);
    else expect([...used('ARGV')].sort()).toEqual(header.args.map((_arg, index) => index + 1));
  });

  test('binds keys and arguments to names first and uses no number after', () => {
    const firstCall = body.findIndex((line) => line.includes('redis.'));
    expect(body.slice(firstCall).join('\n')).not.toMatch(/\b(KEYS|ARGV)\[/);
  });

  test('its header, its body and the table in replies.ts know the same codes', () => {
    expect(Object.fromEntries(header.replies.map(({ code, name: reply }) => [reply, code]))).toEqual(replies[name]);
    const codes = new Set(
      [...body.join('\n').matchAll(/(?:return (?:\{ )?|\b(?:code|shut)\b[\w, ]* = |replies\[index\] = )(-?\d+)/g)].map(
        (match) => Number(match[1]),
      ),
    );
    expect([...codes].sort()).toEqual([...new Set(Object.values(replies[name]))].sort());
  });

  test('walks nothing of unknown length and builds no key', () => {
    // The audit's cut and what mends it may: their headers say what it costs.
    const whole = name === 'read-books' || name === 'recount' ? '' : '|HGETALL';
    expect(body.join('\n')).not.toMatch(new RegExp(`'(KEYS|SCAN|HSCAN${whole}|SMEMBERS|XRANGE)'|while |repeat`));
    expect(body.join('\n')).not.toContain("'seckill:");
  });

  test('stays under 60 lines of code', () => {
    expect(body.filter((line) => line.trim() !== '').length).toBeLessThan(60);
  });
});

test('a header without a part is refused by name', () => {
  expect(() => readHeader('x', '-- x: does\n-- KEYS[1] sale\n')).toThrow('x.lua: its header has no "Keeps:" line');
  expect(() => readHeader('x', '-- x: does\n-- KEYS[2] sale\n')).toThrow('not numbered in order');
});
