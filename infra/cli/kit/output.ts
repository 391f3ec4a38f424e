import { type Bar, createBar, waitingFor } from './progress.ts';
import { type CliRun, widthOf } from './run.ts';

/** Where results go: text for people, one JSON document for machines. Progress goes to stderr. */
export type Output = {
  result: (value: unknown, text: string) => void;
  progress: (text: string) => void;
  /** A bar of `total` steps, on a terminal. */
  bar: (label: string, total: number) => Bar;
  /** Waits, and says on a terminal for what. */
  during: <T>(label: string, work: Promise<T>) => Promise<T>;
  /** How wide a table of a result may be; null for as wide as it is. */
  readonly width: number | null;
};

export function createOutput(run: Pick<CliRun, 'stdout' | 'stderr' | 'terminal' | 'hasResult'>, json: boolean): Output {
  const { stdout, stderr } = run;
  const { stderr: stream } = run.terminal;
  return {
    result: (value, text) => {
      run.hasResult = true;
      stdout.write(json ? `${JSON.stringify(value)}\n` : `${text}\n`);
    },
    progress: (text) => stderr.write(`${text}\n`),
    bar: (label, total) => createBar({ label, total, stream, isQuiet: json }),
    during: (label, work) => waitingFor(label, work, { stream, isQuiet: json }),
    get width() {
      return widthOf(stdout);
    },
  };
}
