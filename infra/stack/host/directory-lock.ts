import { createHash } from 'node:crypto';
import { realpathSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import type { RunDirectory } from './run-directory.ts';

/**
 * Makes this process the only supervisor of the directory; null when there is another one. The lock is a listening
 * socket, so the kernel lets go of it whatever way the process ends. On Linux its name is abstract (unix(7)) and leaves
 * no file; elsewhere it is a file that is removed when nobody answers behind it.
 */
export async function lockDirectory(dir: RunDirectory): Promise<{ release: () => Promise<void> } | null> {
  // Abstract names belong to the network. Two containers with one network may have the same path, not the same directory.
  const { dev, ino } = statSync(dir.root);
  const hash = createHash('sha256')
    .update(`${realpathSync(dir.root)} ${dev}:${ino}`)
    .digest('hex')
    .slice(0, 32);
  const path = process.platform === 'linux' ? `\0seckill-stack-${hash}` : dir.socket('supervisor');
  let server = await tryListen(path);
  if (server === null && !path.startsWith('\0') && !(await answers(path))) {
    rmSync(path, { force: true });
    server = await tryListen(path);
  }
  if (server === null) return null;
  const held = server;
  held.unref();
  return { release: () => new Promise<void>((resolve) => held.close(() => resolve())) };
}

function tryListen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen({ path }, () => resolve(server));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
