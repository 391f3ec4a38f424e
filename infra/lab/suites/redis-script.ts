import { describe, expect, test } from 'vitest';
import { readHeader } from '#runtime/redis/script-header.ts';

/** Without the header and other comments that stand alone. */
export const bodyOf = (lua: string): string =>
  lua
    .split('\n')
    .filter((line) => !line.startsWith('--') && !line.startsWith('#!'))
    .join('\n');

/** What each of our Redis scripts must keep to; `replies` is its table in TypeScript. */
export function redisScriptSuite(script: { name: string; lua: string; replies: Record<string, number> }): void {
  const { name, lua, replies } = script;
  const body = bodyOf(lua);
  const header = readHeader(name, lua);

  describe(`the script ${name}`, () => {
    test.each([
      ['KEYS', header.keys],
      ['ARGV', header.args],
    ] as const)('its header names every one of %s that the body uses, and no other', (table, lines) => {
      const used = [...body.matchAll(new RegExp(`${table}\\[(\\d+)\\]`, 'g'))].map((match) => Number(match[1]));
      const ranges = lines.filter(({ from, to }) => from !== to);
      const single = lines.filter(({ from, to }) => from === to).map(({ from }) => from);
      // A part of those that are handed on as they come may be used by its number too.
      const inRange = (it: number) => ranges.some(({ from, to }) => from <= it && it <= to);
      expect([...new Set(used.filter((it) => !inRange(it)))].sort((a, b) => a - b)).toEqual(single);
      if (ranges.length > 0) expect(body).toMatch(new RegExp(`= (?:\\{ unpack\\()?${table}\\b(?!\\[)`));
    });

    test('binds keys and arguments to names first and uses no number after', () => {
      const firstCall = body.split('\n').findIndex((line) => line.includes('redis.'));
      expect(firstCall).toBeGreaterThan(0);
      expect(body.split('\n').slice(firstCall).join('\n')).not.toMatch(/\b(KEYS|ARGV)\[/);
    });

    test('its header, its body and its table in TypeScript know the same codes', () => {
      expect(Object.fromEntries(header.replies.map(({ code, name: reply }) => [reply, code]))).toEqual(replies);
      const set =
        /(?:return (?:\{ )?|\b(?:code|shut)\b[\w, ]* = |replies\[index\] = |reply = \{ |reply\[1\] = )(-?\d+)/g;
      const codes = new Set([...body.matchAll(set)].map((match) => Number(match[1])));
      expect([...codes].sort()).toEqual([...new Set(Object.values(replies))].sort());
    });

    test('stays under 60 lines of code', () => {
      expect(body.split('\n').filter((line) => line.trim() !== '').length).toBeLessThan(60);
    });
  });
}
