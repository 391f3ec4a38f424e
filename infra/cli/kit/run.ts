import type { Command } from 'commander';
import { printable } from '../../text/printable.ts';

/** Standard input, as much of it as a command asks for. */
export type RunInput = NodeJS.ReadableStream & {
  isTTY?: boolean;
  setRawMode?: (mode: boolean) => unknown;
  unref?: () => unknown;
};

/** Standard output or standard error; a terminal says how large it is. */
export type RunOutput = NodeJS.WritableStream & {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
};

/** Ctrl-C and its like, from when a command asks until it releases. */
export type Interruption = {
  /** Aborted with a reason that says what it was. */
  signal: AbortSignal;
  /** The reason, once it is there. */
  happened: Promise<string>;
  release: () => void;
};

/**
 * What a command has around it. The entry hands in those of the real process (main.ts), a test its own
 * (infra/lab/kits/command-line.ts): no command reaches for `process` itself.
 */
export type Surroundings = {
  environment: Readonly<Record<string, string | undefined>>;
  /** Opened when a command asks: one that asks nothing leaves it alone. */
  stdin: () => RunInput;
  stdout: RunOutput;
  stderr: RunOutput;
  /** From here on an interruption does not end the command at once: it is the command's own business. */
  interruption: () => Interruption;
  /**
   * For a command that supervises: from here on, lost output does not end it at once. A full disk costs lines; when the
   * reader is gone (EPIPE), the command is interrupted and stops in order.
   */
  surviveLostOutput: () => void;
  /** Calls `listener` when everything ends without the command's doing; returns what takes it back. */
  onExit: (listener: () => void) => () => void;
};

/** Where text is written: what a terminal would obey in it is shown instead, from every source. */
export type TextOutput = {
  write: (text: string) => void;
  readonly isTTY: boolean;
  readonly columns: number | undefined;
};

/** One run of the command line. */
export type CliRun = Omit<Surroundings, 'stdout' | 'stderr'> & {
  stdout: TextOutput;
  stderr: TextOutput;
  /** The streams themselves, for what moves the cursor: `printable` is its own business then. */
  terminal: Pick<Surroundings, 'stdout' | 'stderr'>;
  /** 1 is set by a command that came to its end and found something wrong. */
  exitCode: number;
  /** A result is on stdout: what goes wrong after it is told by stderr and the exit code alone. */
  hasResult: boolean;
};

const runs = new WeakMap<Command, CliRun>();

/** Says which run the commands of `program` belong to. */
export function startRun(program: Command, surroundings: Surroundings): CliRun {
  const { stdout, stderr } = surroundings;
  const run = {
    ...surroundings,
    stdout: textOutput(stdout),
    stderr: textOutput(stderr),
    terminal: { stdout, stderr },
    exitCode: 0,
    hasResult: false,
  };
  runs.set(program, run);
  return run;
}

function textOutput(stream: RunOutput): TextOutput {
  return {
    write: (text) => void stream.write(printable(text)),
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns;
    },
  };
}

/** The run that a command belongs to, at any depth of its program. */
export function runOf(command: Command): CliRun {
  const run = runs.get(command);
  if (run !== undefined) return run;
  if (command.parent === null) throw new Error('this command line was made and not run: see runCli');
  return runOf(command.parent);
}

/** Where a terminal does not know how wide it is: a fresh pseudo-terminal says 0. */
export const usualColumns = 80;

/** The width of a terminal; null when the text goes elsewhere, to a file or a pipe: nothing is cut there. */
export const widthOf = (stream: Pick<RunOutput | TextOutput, 'isTTY' | 'columns'>): number | null =>
  stream.isTTY ? stream.columns || usualColumns : null;
