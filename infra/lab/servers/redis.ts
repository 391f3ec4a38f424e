import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Redis } from 'ioredis';

export type TestRedis = {
  client: Redis;
  /** Stands still, with its connections open. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
};

/** A real Redis on a unix socket, without a disk. `password` is what clients must know, this client too. */
export async function startRedis(dir: string, socket: string, password = ''): Promise<TestRedis> {
  const server = spawn(
    'redis-server',
    [
      ...['--port', '0', '--unixsocket', socket, '--dir', dir, '--save', '', '--appendonly', 'no'],
      ...['--logfile', join(dir, 'redis.log'), ...(password === '' ? [] : ['--requirepass', password])],
    ],
    { stdio: 'inherit' },
  );
  const kill = () => server.kill('SIGKILL');
  process.on('exit', kill);
  const ended = once(server, 'exit');
  // However long the server takes to listen: the first ping waits for it.
  const patience = { retryStrategy: () => 20, maxRetriesPerRequest: null };
  const client = new Redis(socket, { ...(password !== '' && { password }), ...patience });
  client.on('error', () => {}); // until the server listens, and after it was stopped
  await client.ping();
  return {
    client,
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    async stop() {
      client.disconnect();
      server.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
    },
  };
}
