import type { Argument, Command, Option } from 'commander';

/** What a shell may offer at one place of the command line. */
export type Place = {
  /** The words that lead there: `['sale', 'open']`; none for the program itself. */
  words: readonly string[];
  children: readonly { name: string; description: string }[];
  options: readonly { name: string; description: string; takes: Kind | null }[];
  /** What its first argument is; null when it has none. */
  argument: Kind | null;
};

/** `sale`: an id, asked for live. `other`: nothing can be offered. */
export type Kind = 'sale' | 'file' | 'directory' | 'other';

/** Every place of the command line; hidden commands are left out. */
export function placesOf(program: Command, words: readonly string[] = []): Place[] {
  const children = program.createHelp().visibleCommands(program);
  const named = children.filter((child) => child.name() !== 'help');
  const place: Place = {
    words,
    children: named.map((child) => ({ name: child.name(), description: child.description() })),
    options: program
      .createHelp()
      .visibleOptions(program)
      .map((option) => ({
        name: option.long ?? option.short ?? '',
        description: option.description,
        takes: valueKind(option),
      })),
    argument: kindOf(program.registeredArguments[0]),
  };
  return [place, ...named.flatMap((child) => placesOf(child, [...words, child.name()]))];
}

function valueKind(option: Option): Kind | null {
  if (!option.required && !option.optional) return null;
  if (option.long === '--dir') return 'directory';
  return option.long === '--out' ? 'file' : 'other';
}

function kindOf(argument: Argument | undefined): Kind | null {
  if (argument === undefined) return null;
  if (argument.name() === 'saleId') return 'sale';
  return argument.name().startsWith('file') ? 'file' : 'other';
}
