import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from '../cli/program.ts';
import { alertNames } from '../deploy/observability/read-rules.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const rules = read('infra/deploy/observability/alerts.yml');
const [, ...sections] = read('docs/runbook.md').split(/^## /m);
const bodies = new Map(
  sections.map((section) => {
    const [heading = '', ...lines] = section.split('\n');
    return [heading, lines.join('\n')];
  }),
);

/** The words of each `npx seckill …` in the page up to the first that is no command: an id, a flag. */
const commands = [
  ...new Set(
    [...sections.join('\n').matchAll(/npx seckill ([a-z]+)(?: ([a-z]+))?(?=[ \n`])/g)].map(
      ([, group = '', name = '']) => `${group} ${name}`.trim(),
    ),
  ),
];

test('every alarm has its section, and its link leads there', () => {
  const names = alertNames(rules);
  const links = [...rules.matchAll(/runbook_url: docs\/runbook\.md#(\S+)/g)].map(([, anchor]) => anchor);
  expect(links).toEqual(names.map((name) => name.toLowerCase()));
  expect(names.filter((name) => !bodies.has(name))).toEqual([]);
});

test('every section of an alarm says what it means, what to look at and what mends it', () => {
  for (const name of alertNames(rules)) {
    const body = bodies.get(name) ?? '';
    for (const part of ['**Means.**', '**Look.**', '**Mend.**'])
      expect([name, body]).toEqual([name, expect.stringContaining(part)]);
    expect([name, body]).toEqual([name, expect.stringMatching(/npx seckill /)]);
  }
});

test('no section is about an alarm that does not exist', () => {
  const alarms = [...bodies.keys()].filter((heading) => heading.startsWith('Seckill'));
  expect(alarms.sort()).toEqual(alertNames(rules).sort());
});

test('every command that the runbook names is one that the command line has', async () => {
  const program = await createProgram();
  const named = (parent: Command, name: string | undefined) =>
    parent.commands.find((command) => command.name() === name);
  const wrong = commands.filter((command) => {
    const [group, name] = command.split(' ');
    const found = named(program, group);
    return found === undefined || (found.commands.length > 0 && named(found, name) === undefined);
  });
  expect(commands.length).toBeGreaterThan(10);
  expect(commands).toContain('drain rate');
  expect(wrong).toEqual([]);
});
