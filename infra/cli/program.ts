import { readFileSync } from 'node:fs';
import { Command, type OutputConfiguration } from 'commander';
import { printable } from '../text/printable.ts';
import { examples } from './examples.ts';
import { type Entry, type Family, families, familyOf } from './families.ts';
import { helpWith } from './kit/help.ts';
import { type Surroundings, widthOf } from './kit/run.ts';

/** The first command that the words name, after `help` too; null when an option comes before any. */
function namedBy(words: readonly string[]): string | null {
  const first = words.find((word) => word !== 'help' && word !== '--');
  return first === undefined || first.startsWith('-') ? null : first;
}

/** The families that a command line needs: one, all of them, or none where the first level says enough. */
function asked(words: readonly string[] | null): readonly Family[] {
  if (words === null) return families;
  const name = namedBy(words);
  if (name === 'completion') return families; // it writes down every command there is
  const family = name === null ? undefined : familyOf(name);
  return family === undefined ? [] : [family];
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Commander's own width where no terminal is. */
const pipedHelpWidth = 80;

/** Commander's output on these streams, by its own rule of width. */
function outputOf({ stdout, stderr }: Pick<Surroundings, 'stdout' | 'stderr'>): OutputConfiguration {
  return {
    writeOut: (text) => void stdout.write(printable(text)),
    writeErr: (text) => void stderr.write(printable(text)),
    getOutHelpWidth: () => widthOf(stdout) ?? pipedHelpWidth,
    getErrHelpWidth: () => widthOf(stderr) ?? pipedHelpWidth,
  };
}

const notes = [
  'Results go to stdout, progress to stderr. Exit codes: 0 done, 1 a check failed, 2 usage, 78 configuration. With --json a command that fails prints {"error": {"message", "exitCode"}} on stdout.',
  'Addresses come from the stack that "seckill up" started, or from SECKILL_* variables.',
];

/**
 * The command line, as much of it as `words` need; the whole of it without any. Nothing runs yet. Help and commander's
 * errors go to `streams`, which each command takes over from the program when it is added.
 */
export async function createProgram(
  words: readonly string[] | null = null,
  streams: Pick<Surroundings, 'stdout' | 'stderr'> | null = null,
): Promise<Command> {
  const program = new Command('seckill')
    .configureOutput(streams === null ? {} : outputOf(streams))
    .configureHelp(helpWith(examples, notes))
    .version(version)
    .description('Flash sales: preload, open, watch, drain, and prove that every unit is accounted for.')
    .showSuggestionAfterError(true)
    .showHelpAfterError('(add --help for what there is)');

  const needed = asked(words);
  for (const register of await Promise.all(needed.map(({ load }) => load()))) register(program);
  if (needed.length === 0) for (const entry of families.flatMap(({ entries }) => entries)) addEntry(program, entry);
  return program;
}

/** A command as the program's help lists it, without what it does. */
function addEntry(program: Command, { name, takes, description }: Entry): void {
  program.command(takes === undefined ? name : `${name} ${takes}`).description(description);
}
