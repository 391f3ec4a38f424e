import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from './program.ts';

/** Every command that does something, by its words: `sale open`. */
function leaves(command: Command, words: readonly string[] = []): [string, string[]][] {
  if (command.commands.length === 0) return [[words.join(' '), command.options.map((option) => option.long ?? '')]];
  return command.commands.flatMap((child) => leaves(child, [...words, child.name()]));
}
const commands = new Map(leaves(await createProgram()));

test('each command is registered once', async () => {
  expect(leaves(await createProgram())).toHaveLength(commands.size);
});

test('a command line that names a command is the whole one as far as that command goes, and has few others', async () => {
  const whole = await createProgram();
  for (const name of new Set(whole.commands.map((command) => command.name()))) {
    const part = await createProgram([name, '--help']);
    const [of, same] = [whole, part].map((program) => program.commands.find((command) => command.name() === name));
    expect([name, same?.helpInformation()]).toEqual([name, of?.helpInformation()]);
    if (name !== 'completion') expect([name, part.commands.length <= 3]).toEqual([name, true]);
  }
  const helped = await createProgram(['help', 'sale']);
  expect(helped.commands.map((command) => command.helpInformation())).toEqual(
    whole.commands.filter((command) => command.name() === 'sale').map((command) => command.helpInformation()),
  );
});

test('the help of the program is that of the whole tree, also where a command is misspelled', async () => {
  const whole = (await createProgram()).helpInformation();
  for (const words of [['--help'], ['-h'], ['help'], ['sail', 'list'], ['--json', 'sale'], []]) {
    expect([words, (await createProgram(words)).helpInformation()]).toEqual([words, whole]);
  }
});

test('every command with a result takes --json', () => {
  // These end by Ctrl-C, or print what a shell reads.
  const without = [...commands].filter(([, options]) => !options.includes('--json')).map(([name]) => name);
  expect(without).toEqual(['cdc run', 'demo start', 'completion', 'completion-sales']);
});

test('every command that changes state takes --dry-run; what cannot be undone, or asks, takes --yes', () => {
  const looking =
    /^(up|down|status|watch|console|plan|audit|completion(-sales)?|tickets mint|demo \w+|loadtest \w+|\w+ (list|show|check)|subscriber (test|listen)|cdc (status|run))$/;
  for (const [name, options] of commands) {
    expect([name, options.includes('--dry-run')]).toEqual([name, !looking.test(name)]);
  }
  for (const name of [
    'sale close',
    'stock rebuild',
    'orders rebuild',
    'dlq drop',
    'subscriber remove',
    'sale create',
    'stock preload',
    'cdc snapshot',
  ]) {
    expect([name, commands.get(name)]).toEqual([name, expect.arrayContaining(['--yes'])]);
  }
});
