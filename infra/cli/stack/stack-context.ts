import type { Output } from '../kit/output.ts';
import type { CliRun } from '../kit/run.ts';

/** `dir`: the run directory that was named; undefined for the default. */
export type StackContext = { run: CliRun; output: Output; dir: string | undefined };
