import { expect, test } from 'vitest';
import { StackError } from './errors.ts';
import { runDirectory } from './run-directory.ts';

test('a path too long for a Unix socket is refused and names --dir', () => {
  expect(() => runDirectory(`/${'x'.repeat(90)}`)).toThrow(/--dir/);
  expect(() => runDirectory(`/${'x'.repeat(90)}`)).toThrow(StackError);
});

test('length counts in bytes, as the kernel counts it', () => {
  expect(() => runDirectory(`/${'x'.repeat(45)}`)).not.toThrow();
  expect(() => runDirectory(`/${'库'.repeat(45)}`)).toThrow(/too long/);
});

test('a character that a configuration file cannot quote is refused and names --dir', () => {
  expect(() => runDirectory('/tmp/it"s')).toThrow(/--dir/);
  expect(() => runDirectory('/tmp/a dir with spaces')).not.toThrow();
});
