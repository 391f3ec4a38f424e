import { FileProblem, refuseOtherTarget } from '#runtime/files/regular-file.ts';
import { CliError } from './cli-error.ts';

/** Says at once, not after an hour of work, that a result cannot be written to `path`: it is a pipe, a device, a directory. */
export async function refuseTarget(path: string): Promise<void> {
  try {
    await refuseOtherTarget(path);
  } catch (error) {
    if (error instanceof FileProblem) throw new CliError(`cannot write ${path}: it ${error.message}`, 2);
    throw new CliError(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`, 2);
  }
}
