import { readFileSync } from 'node:fs';
import { Command, type OutputConfiguration } from 'commander';
import { printable } from '../text/printable.ts';
import { type Surroundings, widthOf } from './kit/run.ts';

type Register = (program: Command) => void;

/**
 * The files that register commands, in the order of the help, with the first words that each knows. A file is loaded when
 * one of its words is the first, so that a command does not wait for what other commands need.
 */
const families: readonly { words: readonly string[]; load: () => Promise<Register> }[] = [
  {
    words: ['up', 'down', 'status'],
    load: async () => (await import('./stack/stack-commands.ts')).registerStackCommands,
  },
  { words: ['sale'], load: async () => (await import('./sale/sale-commands.ts')).registerSaleCommands },
  { words: ['stock'], load: async () => (await import('./sale/stock-commands.ts')).registerStockCommands },
  { words: ['pages'], load: async () => (await import('./sale/pages-commands.ts')).registerPagesCommands },
  { words: ['tickets'], load: async () => (await import('./keys/tickets-commands.ts')).registerTicketsCommands },
  { words: ['watch'], load: async () => (await import('./watch/watch-command.ts')).registerWatchCommand },
  { words: ['console'], load: async () => (await import('./stack/console-command.ts')).registerConsoleCommand },
  { words: ['audit'], load: async () => (await import('./sale/audit-command.ts')).registerAuditCommand },
  { words: ['drain'], load: async () => (await import('./order/drain-commands.ts')).registerDrainCommands },
  { words: ['dlq'], load: async () => (await import('./order/dlq-commands.ts')).registerDlqCommands },
  {
    words: ['subscriber'],
    load: async () => (await import('./subscriber/subscriber-commands.ts')).registerSubscriberCommands,
  },
  { words: ['order'], load: async () => (await import('./order/order-commands.ts')).registerOrderCommands },
  { words: ['edge'], load: async () => (await import('./edge/edge-commands.ts')).registerEdgeCommands },
  { words: ['keys'], load: async () => (await import('./keys/keys-commands.ts')).registerKeysCommands },
  { words: ['demo'], load: async () => (await import('./demo/demo-commands.ts')).registerDemoCommands },
  { words: ['loadtest'], load: async () => (await import('./loadtest/loadtest-commands.ts')).registerLoadtestCommands },
  { words: ['plan'], load: async () => (await import('./capacity/plan-command.ts')).registerPlanCommand },
  { words: ['host'], load: async () => (await import('./stack/host-command.ts')).registerHostCommand },
  { words: ['migrate'], load: async () => (await import('./stack/migrate-command.ts')).registerMigrateCommand },
  // `completion` itself writes down every command there is: it needs them all.
  {
    words: ['completion-sales'],
    load: async () => (await import('./completion/completion-command.ts')).registerCompletionCommands,
  },
];

/** Those that the words on the command line ask for: all of them for help, and for whatever nobody knows. */
function asked([first]: readonly string[]) {
  if (first === '--version' || first === '-V') return [];
  const known = families.filter(({ words }) => first !== undefined && words.includes(first));
  return known.length > 0 ? known : families;
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

/**
 * The command line, as much of it as `words` need; the whole of it without any. Nothing runs yet. Help and commander's
 * errors go to `streams`, which each command takes over from the program when it is added.
 */
export async function createProgram(
  words: readonly string[] = [],
  streams: Pick<Surroundings, 'stdout' | 'stderr'> | null = null,
): Promise<Command> {
  const program = new Command('seckill')
    .configureOutput(streams === null ? {} : outputOf(streams))
    .version(version)
    .description('Flash sales: preload, open, watch, drain, and prove that every unit is accounted for.')
    .showSuggestionAfterError(true)
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText(
      'after',
      `
Results go to stdout, progress to stderr. Exit codes: 0 done, 1 a check failed, 2 usage, 78 configuration.
Addresses come from the stack that "seckill up" started, or from SECKILL_* variables.`,
    );

  for (const register of await Promise.all(asked(words).map(({ load }) => load()))) register(program);
  return program;
}
