import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkoutDir } from '../stack/host/run-directory.ts';
import { machines } from './machines.ts';
import { type Results, reportText } from './report.ts';

const read = (path: string) => readFileSync(join(checkoutDir, path), 'utf8');
const results = JSON.parse(read('docs/machines.json')) as Results;

test('docs/machines.md is made of the results that are kept', () => {
  expect(read('docs/machines.md')).toBe(reportText(results));
});

/** The machines that the README's table calls tried for a command, and the others. */
function claimed(command: string): { tried: string[]; notTried: string[] } {
  const row = read('README.md')
    .split('\n')
    .find((line) => line.startsWith(`| \`${command}\` |`));
  const [, , tried = '', notTried = ''] = row?.split('|') ?? [];
  const titlesIn = (text: string) => machines.map(({ title }) => title).filter((title) => text.includes(title));
  return { tried: titlesIn(tried), notTried: titlesIn(notTried) };
}

test('the README calls a machine tried when everything went well there, and names those that were not', () => {
  const wentWell = (title: string) => {
    const visits = Object.values(results.visits).filter(({ machine }) => machine === title);
    return visits.length > 0 && visits.every(({ visit }) => visit !== undefined && visit.problems.length === 0);
  };
  const passed = (title: string) =>
    Object.values(results.tests).some((each) => each.machine === title && each.passed && / passed/.test(each.counts));
  const titles = machines.map(({ title }) => title);
  expect(claimed('npm start')).toEqual({
    tried: titles.filter(wentWell),
    notTried: titles.filter((title) => !wentWell(title)),
  });
  expect(claimed('npm test')).toEqual({
    tried: titles.filter(passed),
    notTried: titles.filter((title) => !passed(title)),
  });
});
