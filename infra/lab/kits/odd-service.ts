import { readFile, rename, rm } from 'node:fs/promises';
import { runDirectory } from '#infra/stack/host/run-directory.ts';
import { poll } from '../poll.ts';
import { type Changes, startLike } from '../servers/process-like.ts';
import { stackUnderTest } from '../servers/stack-under-test.ts';
import { runningPid } from './processes.ts';

/**
 * Moves a service's socket out of the edges' way, and waits until no edge holds a connection any more that was made
 * before; the service itself goes on. `putBack` when done.
 */
export async function takeAway(service: string) {
  const { dir, edges } = stackUnderTest();
  const socket = runDirectory(dir).socket(service);
  const aside = `${socket}.aside`;
  await rename(socket, aside);
  // A link stays as long as its worker. Over HTTP an edge closes a connection that it has not used for 4 s
  // (upstreams.conf.template).
  for (const edge of edges) process.kill(runningPid(edge.process), 'SIGHUP');
  await poll('the edges to let go of it', async () => (await connectionsTo(socket)) === 0).catch(async (error) => {
    await rename(aside, socket);
    throw error;
  });
  return {
    /** Another service, `service-odd`, stands in the socket's place meanwhile: the same settings but for these. */
    async whileOdd(changes: Changes, work: () => Promise<void>): Promise<void> {
      const own = {
        SECKILL_INSTANCE: 'service-odd',
        SECKILL_LISTEN: `unix:${socket}`,
        SECKILL_INNER_LISTEN: `unix:${socket}.inner`,
      };
      const odd = await startLike(runningPid(service), { ...own, ...changes });
      try {
        await work();
      } finally {
        await odd.stop();
      }
    },
    async putBack(): Promise<void> {
      await rm(socket, { force: true });
      await rename(aside, socket);
    },
  };
}

/** Connections that a server on that socket has accepted, by the kernel; what it listens with itself is in another state. */
async function connectionsTo(socket: string): Promise<number> {
  const lines = (await readFile('/proc/net/unix', 'utf8')).split('\n');
  return lines.filter((line) => line.endsWith(` ${socket}`) && line.split(/\s+/)[5] === '03').length;
}
