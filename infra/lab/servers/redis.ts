import { join } from 'node:path';
import { Redis } from 'ioredis';
import { spawnTied } from './tied-process.ts';

export type TestRedis = {
  client: Redis;
  /** Stands still, with its connections open. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
};

/** A real Redis on a unix socket, without a disk. `password` is what clients must know, this client too. */
export async function startRedis(dir: string, socket: string, password = ''): Promise<TestRedis> {
  const server = spawnTied(
    'redis-server',
    [
      ...['--port', '0', '--unixsocket', socket, '--dir', dir, '--save', '', '--appendonly', 'no'],
      ...['--logfile', join(dir, 'redis.log'), ...(password === '' ? [] : ['--requirepass', password])],
    ],
    { stdio: 'inherit' },
  );
  // However long the server takes to listen: the first ping waits for it.
  const patience = { retryStrategy: () => 20, maxRetriesPerRequest: null };
  const client = new Redis(socket, { ...(password !== '' && { password }), ...patience });
  client.on('error', () => {}); // until the server listens, and after it was stopped
  await client.ping();
  return {
    client,
    pause: () => void server.child.kill('SIGSTOP'),
    resume: () => void server.child.kill('SIGCONT'),
    async stop() {
      client.disconnect();
      await server.end();
    },
  };
}
