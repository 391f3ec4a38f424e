import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { StackError } from './errors.ts';

/** Below Linux' ephemeral range (32768…): an outgoing connection never takes the port of a server that restarts. */
const firstPort = 20_000;
const lastPort = 32_000;
export const blockSize = 40;
const blockCount = Math.floor((lastPort - firstPort) / blockSize);

/**
 * A block of neighbouring ports that belongs to one stack. The supervisor listens on its first port as long as it
 * lives, so two stacks never share a block, whenever they start, and a dead supervisor's block is free by itself.
 */
export type PortBlock = { base: number; size: number; release: () => Promise<void> };

/** Listens on 127.0.0.1:`port`; null when somebody else does. */
function tryListen(port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(null);
      else reject(error);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(server));
  });
}

const close = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()));

export async function isPortFree(port: number): Promise<boolean> {
  const server = await tryListen(port);
  if (server !== null) await close(server);
  return server !== null;
}

/**
 * Takes a block: the `remembered` one, else the first free one from an offset hashed from `key` (the run directory).
 * `count`: that many neighbours, as one block.
 */
export async function reservePortBlock(key: string, remembered?: number, count = 1): Promise<PortBlock> {
  const offset = createHash('sha256').update(key).digest().readUInt32BE() % blockCount;
  const bases = Array.from({ length: blockCount }, (_, i) => firstPort + ((offset + i) % blockCount) * blockSize);
  const known = remembered !== undefined && bases.includes(remembered) ? [remembered] : [];
  for (const base of [...known, ...bases]) {
    const guards = await tryListenAll(base, count);
    if (guards === null) continue;
    const release = async () => void (await Promise.all(guards.map(close)));
    return { base, size: count * blockSize, release };
  }
  throw new StackError('configuration', `every port block from ${firstPort} to ${lastPort} is taken on this machine`);
}

/** Listens on the first port of `count` blocks from `base`; null when one of them is taken, or beyond the last port. */
async function tryListenAll(base: number, count: number): Promise<Server[] | null> {
  const guards: Server[] = [];
  for (let at = base; guards.length < count; at += blockSize) {
    const guard = at + blockSize > lastPort ? null : await tryListen(at);
    if (guard === null) {
      await Promise.all(guards.map(close));
      return null;
    }
    guard.unref();
    guards.push(guard);
  }
  return guards;
}

/**
 * A free port of the block for each name: the remembered one when it is free and not in `avoid`, else the next that
 * is. Throws {@link StackError} when the block has too few.
 */
export async function choosePorts(
  base: number,
  names: readonly string[],
  remembered: Readonly<Record<string, number>>,
  avoid: ReadonlySet<number> = new Set(),
  size = blockSize,
): Promise<Record<string, number>> {
  const inBlock = (port: number | undefined): port is number =>
    port !== undefined && port > base && port < base + size && !avoid.has(port);
  const chosen: Record<string, number> = {};
  const taken = new Set<number>();
  for (const name of names) {
    const before = remembered[name];
    if (inBlock(before) && !taken.has(before) && (await isPortFree(before))) {
      chosen[name] = before;
      taken.add(before);
    }
  }
  let next = base + 1;
  for (const name of names) {
    while (chosen[name] === undefined) {
      if (next >= base + size) {
        throw new StackError('configuration', `too few free ports from ${base} to ${base + size - 1}`);
      }
      if (!avoid.has(next) && !taken.has(next) && (await isPortFree(next))) {
        chosen[name] = next;
        taken.add(next);
      }
      next += 1;
    }
  }
  return chosen;
}
