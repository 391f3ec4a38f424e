import { tmpdir } from 'node:os';
import { demandRoom } from '../temporary-directory.ts';
import { removeAbandoned } from './private-run.ts';

type Shared<T> = { server: Promise<T>; users: number };
// vitest loads a setup file once a project; what the projects share hangs on the process.
const holder: typeof globalThis & { [key: symbol]: Shared<unknown> | undefined } = globalThis;

/** One server for all projects of a run that want it: the first starts it, the last to `release` it stops it. */
export async function share<T extends { stop: () => Promise<void> }>(
  name: string,
  start: () => Promise<T>,
): Promise<{ server: T; release: () => Promise<void> }> {
  const key = Symbol.for(`seckill.lab.${name}`);
  const shared = (holder[key] as Shared<T> | undefined) ?? { server: prepared().then(start), users: 0 };
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
let preparing: Promise<void> | null = null;

/** Once before the first server: what killed runs left is removed, and there is room for this one. */
function prepared(): Promise<void> {
  preparing ??= removeAbandoned().then(() => {
    for (const dir of [tmpdir(), process.cwd()]) demandRoom(dir, neededMiB);
  });
  return preparing;
}
