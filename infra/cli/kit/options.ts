import { InvalidArgumentError, Option } from 'commander';

/** `--json`, on every command with a result. */
export const jsonOption = () => new Option('--json', 'one JSON document on stdout, for machines, also when it fails');

/** `--dir`, on every command that talks to a stack. */
export const dirOption = () => new Option('--dir <dir>', 'run directory of the stack on this machine (default: .run)');

/** A whole number between `least` and `most`, for commander. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`it must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}
