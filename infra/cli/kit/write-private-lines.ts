import { type FileHandle, open } from 'node:fs/promises';
import { CliError } from './cli-error.ts';
import { refuseTarget } from './refuse-target.ts';

const linesAtOnce = 1000;

/** Writes `count` lines to a file that its owner alone can read, also when it was there before. Throws {@link CliError}. */
export async function writePrivateLines(
  path: string,
  count: number,
  newLine: () => string,
  onWritten: (count: number) => void = () => {},
): Promise<void> {
  await refuseTarget(path);
  const file: FileHandle = await open(path, 'w', 0o600).catch((error: Error) => {
    throw new CliError(`cannot write ${path}: ${error.message}`, 2);
  });
  try {
    await file.chmod(0o600);
    for (let left = count; left > 0; left -= linesAtOnce) {
      const lines = Array.from({ length: Math.min(linesAtOnce, left) }, newLine);
      await file.write(lines.map((line) => `${line}\n`).join(''));
      onWritten(lines.length);
    }
  } finally {
    await file.close();
  }
}
