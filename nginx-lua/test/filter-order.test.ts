import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const filters = 'nginx-lua/lua/seckill/filters';

/** The checks of a purchase in the order in which `judge`, and then `await`, makes them. */
const run = [
  ...new Set([...read('nginx-lua/lua/seckill/purchase.lua').matchAll(/\brefuse\('(\w+)'/g)].map(([, it]) => it)),
];

/** What the header of a filter says: its numbers, what it counts, whether it fails closed or open. */
const headers = readdirSync(join(root, filters)).map((file) => {
  const header = /^(?:--[^\n]*\n)+/.exec(read(join(filters, file)))?.[0] ?? '';
  const numbers = [...(/^--- Filters? ([\d and]+):/.exec(header)?.[1]?.matchAll(/\d+/g) ?? [])].map(Number);
  const checks = [...header.matchAll(/check="(\w+)"/g)].map(([, check]) => check);
  return { file, numbers, checks, fails: /Fails (closed|open)/.exec(header)?.[1] };
});

test('the filters are numbered in the order in which a purchase meets them', () => {
  const numbered = headers.flatMap(({ numbers, checks }) =>
    numbers.map((number, at) => ({ number, check: checks[at] })),
  );
  expect(run.length).toBeGreaterThan(5);
  expect(numbered.sort((a, b) => a.number - b.number)).toEqual(run.map((check, at) => ({ number: at + 1, check })));
  expect(headers.flatMap(({ checks }) => checks)).toHaveLength(run.length);
});

test('docs/architecture.md tells the same order, and the same of each filter that cannot know', () => {
  const rows = read('docs/architecture.md').matchAll(
    /^\| (`\w+`(?:, `\w+`)*) \| `(\w+\.lua)` \|[^|]*\| (closed|open)/gm,
  );
  const told = [...rows].map(([, checks = '', file, fails]) => ({
    file,
    checks: checks.replaceAll('`', '').split(', '),
    fails,
  }));
  expect(told.flatMap(({ checks }) => checks)).toEqual(run);
  const byFile = (some: readonly { file?: string | undefined }[]) =>
    Object.fromEntries(some.map((it) => [it.file, it]));
  expect(byFile(told)).toEqual(byFile(headers.map(({ file, checks, fails }) => ({ file, checks, fails }))));
});
