import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { examples } from './examples.ts';
import { pathOf } from './kit/help.ts';
import { createProgram } from './program.ts';

const leavesOf = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);

/** The words of the command that a command line reaches, its arguments and options taken; commander's error as it is. */
async function reachedBy(line: string): Promise<string | null> {
  const program = await createProgram();
  let reached: string | null = null;
  const each = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: () => {} });
    for (const child of command.commands) each(child);
  };
  each(program);
  for (const leaf of leavesOf(program)) {
    leaf.action(() => {
      reached = pathOf(leaf);
    });
  }
  await program.parseAsync(line.split(' '), { from: 'user' });
  return reached;
}

test('every command has one or two examples, and its help shows them in lines that no terminal breaks', async () => {
  const program = await createProgram();
  const words = leavesOf(program).map(pathOf);
  expect(Object.keys(examples).sort()).toEqual(['', ...words.filter((it) => it !== 'completion-sales')].sort());
  for (const leaf of leavesOf(program)) {
    for (const example of examples[pathOf(leaf)] ?? []) {
      expect(leaf.helpInformation()).toContain(`\n  npx seckill ${example}\n`);
      expect([example, `  npx seckill ${example}`.length <= 80]).toEqual([example, true]);
    }
  }
});

test.each(Object.entries(examples).flatMap(([words, lines]) => lines.map((line) => ({ words, line }))))(
  'the program takes its example: $line',
  async ({ words, line }) => {
    const reached = await reachedBy(line);
    expect(words === '' ? line.startsWith(reached ?? '-') : reached === words).toBe(true);
  },
);
