import { type Argument, type Command, Help, type HelpConfiguration } from 'commander';

/** `sale open <saleId>`: every command has options, so the word `[options]` would say nothing. */
const subcommandTerm = (command: Command): string =>
  [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' ');

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** The words that lead to a command: `sale open`; none for the program itself. */
export function pathOf(command: Command): string {
  const above = command.parent === null ? '' : pathOf(command.parent);
  return command.parent === null ? '' : `${above} ${command.name()}`.trimStart();
}

/**
 * Commander's help with examples at its end, and with `notes` after those of the program: as wide as the terminal. An
 * example is one line at any width: it is there to be copied.
 */
export function helpWith(
  examples: Readonly<Record<string, readonly string[]>>,
  notes: readonly string[],
): HelpConfiguration {
  return {
    subcommandTerm,
    minWidthToWrap: 20, // also on 60 columns, where little is left beside the words of commands
    formatHelp: (command, helper) => {
      const lines = (examples[pathOf(command)] ?? []).map((example) => `  npx seckill ${example}`);
      const tail = command.parent === null ? notes.map((note) => helper.boxWrap(note, helper.helpWidth ?? 80)) : [];
      return [
        Help.prototype.formatHelp.call(helper, command, helper),
        ...(lines.length === 0 ? [] : [`${['Examples:', ...lines].join('\n')}\n`]),
        ...(tail.length === 0 ? [] : [`${tail.join('\n')}\n`]),
      ].join('\n');
    },
  };
}
