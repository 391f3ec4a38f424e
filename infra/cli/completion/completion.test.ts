import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { createProgram } from '../program.ts';
import { bashCompletion, zshCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { placesOf } from './tree.ts';

const places = placesOf(await createProgram());
// In the place of the live question: two sales.
const sales = ['printf', 'tea-cup\\nlamp\\n'];

/** What a real bash offers when Tab is pressed at the end of these words. */
function offered(...words: string[]): string[] {
  const line = ['seckill', ...words].map((word) => `'${word}'`).join(' ');
  const press = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _seckill; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['--norc', '-c', `${bashCompletion(places, sales)}\n${press}`]).toString();
  return output.split('\n').filter((word) => word !== '');
}

test('bash completes commands, their commands, their options and, live, the ids of sales', () => {
  expect(offered('sa')).toEqual(['sale']);
  expect(offered('sale', 're')).toEqual(['resume']);
  expect(offered('sale', 'open', '')).toEqual(expect.arrayContaining(['tea-cup', 'lamp', '--force', '--dry-run']));
  expect(offered('sale', 'open', 't')).toEqual(['tea-cup']);
  expect(offered('--json', 'watch', 'la')).toEqual(['lamp']);
  expect(offered('edge', 'maintenance', 'o')).toEqual(['on', 'off']);
  expect(offered('drain', 'rate', '--')).not.toContain('tea-cup');
});

test('bash completes files where a file is asked for, and directories after --dir', () => {
  expect(offered('sale', 'create', 'package.j')).toEqual(['package.json']);
  expect(offered('sale', 'list', '--dir', 'docs/ima')).toEqual(['docs/images']);
  expect(offered('sale', 'list', '--dir', 'READ')).toEqual([]);
});

test('zsh and fish get every command and option too', () => {
  const scripts = [zshCompletion(places, sales), fishCompletion(places, sales)];
  for (const { children, options } of places) {
    for (const { name } of [...children, ...options]) {
      for (const script of scripts) expect(script).toContain(name.replace(/^--?/, ''));
    }
  }
});
