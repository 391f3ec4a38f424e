import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';

export type BenchRedis = { port: number; client: Redis; stop: () => Promise<void> };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/**
 * A Redis of the bench's own, set up as the stack sets up stock Redis (infra/stack/servers/redis-server.ts), with one
 * difference: the AOF is not rewritten by itself, so that no round has a fork in it that the others have not. `replicaOf`: it
 * follows that one.
 */
export async function startRedis({ replicaOf }: { replicaOf?: BenchRedis } = {}): Promise<BenchRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-'));
  const port = await freePort();
  const settings = {
    ...{ bind: '127.0.0.1', port, dir, save: '', 'maxmemory-policy': 'noeviction' },
    ...{ appendonly: 'yes', appendfsync: 'always', 'auto-aof-rewrite-percentage': 0 },
    ...{ 'repl-diskless-sync-delay': 0 },
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  if (replicaOf !== undefined) args.push('--replicaof', '127.0.0.1', String(replicaOf.port));
  const child = spawn('redis-server', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const killed = () => {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', killed);

  const client = new Redis(port, '127.0.0.1', { replyMapping: 'legacy', retryStrategy: () => 50 });
  client.on('error', () => {}); // not up yet; the deadline below speaks
  await Promise.race([
    new Promise<void>((resolve) => client.once('ready', () => resolve())),
    once(child, 'error').then(([error]) => Promise.reject(error)),
    wait(10_000, null, { ref: false }).then(() => Promise.reject(new Error('redis-server did not start in 10 s'))),
  ]);
  return {
    port,
    client,
    stop: async () => {
      client.disconnect();
      child.kill('SIGTERM');
      await ended;
      process.off('exit', killed);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
