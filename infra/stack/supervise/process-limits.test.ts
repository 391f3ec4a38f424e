import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { edgeOpenFiles, lowLimits } from './process-limits.ts';

/** As /proc/self/limits has it. */
const text = (changed: Readonly<Record<string, string>> = {}) => {
  const limits = {
    'Max file size': 'unlimited            unlimited            bytes',
    'Max processes': '95968                95968                processes',
    'Max open files': '1024                 1048576              files',
    'Max address space': 'unlimited            unlimited            bytes',
    ...changed,
  };
  const lines = Object.entries(limits).map(([name, values]) => `${name.padEnd(26)}${values}`);
  return ['Limit                     Soft Limit           Hard Limit           Units', ...lines].join('\n');
};

test('the limits of an ordinary machine are not talked about: a soft limit of files is raised by Node itself', () => {
  expect(lowLimits(text(), false)).toEqual([]);
  expect(lowLimits(text(), true)).toEqual([]);
});

test('too few open files for the edge are said with the command that raises them; root needs fewer, its nginx raises its own', () => {
  const few = text({ 'Max open files': '256                  4096                 files' });
  expect(lowLimits(few, false)).toEqual([expect.stringMatching(/4096 open files.*20000.*503.*ulimit -n 65536/)]);
  expect(lowLimits(few, true)).toEqual([]);
  const fewer = text({ 'Max open files': '256                  1024                 files' });
  expect(lowLimits(fewer, true)).toEqual([expect.stringMatching(/1024 open files.*503.*ulimit -n 65536/)]);
});

test('every other limit that ends a start is said, each by itself', () => {
  const processes = text({ 'Max processes': '64                   64                   processes' });
  expect(lowLimits(processes, false)).toEqual([expect.stringMatching(/64 processes.*ulimit -u/)]);
  expect(lowLimits(processes, true)).toEqual([]);
  const some = text({ 'Max processes': '500                  500                  processes' });
  expect([lowLimits(some, false), lowLimits(some, false, true)]).toEqual([
    [],
    [expect.stringMatching(/500 processes/)],
  ]);
  const memory = text({ 'Max address space': '4294967296           unlimited            bytes' });
  expect(lowLimits(memory, true)).toEqual([expect.stringMatching(/4294967296 bytes of address space.*ulimit -v/)]);
  const file = text({ 'Max file size': '1048576              1048576              bytes' });
  expect(lowLimits(file, false)).toEqual([expect.stringMatching(/1048576 bytes.*ulimit -f/)]);
});

test('the edge asks for as many open files as its configuration does', () => {
  const template = readFileSync(new URL('../../../nginx-lua/nginx.conf.template', import.meta.url), 'utf8');
  expect(template).toMatch(new RegExp(`^worker_rlimit_nofile ${edgeOpenFiles};`, 'm'));
});
