import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';

type Shared<T> = { server: Promise<T>; users: number };
// vitest loads a setup file once a project; what the projects share hangs on the process.
const holder: typeof globalThis & { [key: symbol]: Shared<unknown> | undefined } = globalThis;

/** One server for all projects of a run that want it: the first starts it, the last to `release` it stops it. */
export async function share<T extends { stop: () => Promise<void> }>(
  name: string,
  start: () => Promise<T>,
): Promise<{ server: T; release: () => Promise<void> }> {
  const key = Symbol.for(`seckill.lab.${name}`);
  const shared = (holder[key] as Shared<T> | undefined) ?? { server: enoughRoom().then(start), users: 0 };
  holder[key] = shared;
  shared.users += 1;
  const server = await shared.server;
  return {
    server,
    release: async () => {
      shared.users -= 1;
      if (shared.users > 0) return;
      holder[key] = undefined;
      await server.stop();
    },
  };
}

const neededMiB = 512;

/** A full disk shows itself in a hundred ways in the middle of a run; so it is said before. */
async function enoughRoom(): Promise<void> {
  for (const [dir, mend] of [
    [tmpdir(), 'free some room there, or set TMPDIR to a directory that has it'],
    [process.cwd(), 'free some room on the disk of the checkout'],
  ] as const) {
    const { bavail, bsize } = await statfs(dir);
    const free = Math.floor((bavail * bsize) / 2 ** 20);
    if (free < neededMiB) throw new Error(`the tests need ${neededMiB} MiB in ${dir}, ${free} MiB are free: ${mend}`);
  }
}
