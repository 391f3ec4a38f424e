import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { privateDirectory } from '#lab/servers/private-directory.ts';
import { startTcpProxy, type TcpProxy } from '#lab/servers/tcp-proxy.ts';
import { identityOf } from './host/process-identity.ts';
import { runDirectory } from './host/run-directory.ts';
import type { Role } from './plan/roles.ts';
import {
  type ServerRole,
  type StackEvent,
  type StackOptions,
  stackEnvironment,
  stackStatus,
  startStack,
  stopStack,
} from './stack.ts';
import { readState } from './supervise/state-file.ts';

// Whole stacks, one after the other.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 300_000 });
/** For what several processes have to do; asking a process how it is has a deadline, which a busy machine may miss. */
const patiently = { timeout: 60_000, interval: 100 };

const servers: Role[] = ['stock-redis', 'queue-redis', 'zookeeper', 'postgres'];

/** Starts a stack in this process; it is stopped after the test. */
async function start(options: Partial<StackOptions> & { dir: string }) {
  const events: StackEvent[] = [];
  const stack = await startStack({
    port: 'any',
    environment: process.env,
    ...options,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  onTestFinished(() => stack.stop());
  return { stack, events };
}

async function occupy(port: number): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  // Without a host it is bound at once, before whoever calls this goes on; with one it would be a moment later.
  await new Promise<void>((resolve) => server.listen(port, resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
}

const pidsIn = (dir: string) => readState(runDirectory(dir))?.processes.map(({ pid }) => pid ?? 0) ?? [];

async function whoLives(pids: readonly number[]): Promise<number[]> {
  const identities = await Promise.all(pids.map(identityOf));
  return pids.filter((_, i) => identities[i] !== null);
}

test('brings the whole system up, says that every process is well, and leaves nothing when it stops', async () => {
  const dir = privateDirectory();
  // A locale that is named and was not generated, as ssh brings it along; nothing says that the path is UTF-8.
  const { LC_ALL: _, ...environment } = process.env;
  const given = { LANG: 'xx_XX.UTF-8', SECKILL_DEMO_SIGN_IN: 'off' };
  const { stack } = await start({ dir, services: 2, environment: { ...environment, ...given } });
  expect(existsSync(join(dir, 'data/zookeeper/version-2'))).toBe(true);

  const status = await vi.waitFor(async () => {
    const said = await stackStatus(dir);
    expect(said.processes.map(({ name, health, problem, restarts }) => ({ name, health, problem, restarts }))).toEqual(
      [
        ...['edge', 'gateway-1', 'service-1', 'service-2', 'worker-1', 'payment-sandbox-1'],
        ...['stock-redis', 'queue-redis', 'zookeeper', 'postgres'],
      ].map((name) => ({ name, health: 'up', problem: null, restarts: 0 })),
    );
    return said;
  }, patiently);
  expect(status).toMatchObject({ running: true, dir, edge: stack.edgeUrl });
  expect(JSON.stringify(status)).not.toContain(new URL(stack.environment.SECKILL_DATABASE_URL ?? '').password);
  expect(await stackEnvironment(dir)).toEqual(stack.environment);
  expect((await fetch(`${stack.edgeUrl}/api/sales`)).status).toBe(200);
  expect((await fetch(`${stack.edgeUrl}/api/session`, { method: 'POST' })).status).toBe(403); // as it was given

  const pids = pidsIn(dir);
  await stack.stop();
  expect(await whoLives(pids)).toEqual([]);
  expect(await stackStatus(dir)).toMatchObject({ running: false, processes: [] });
  expect(await stackEnvironment(dir)).toBeNull();
  expect(await stopStack(dir)).toBe('not-running');
});

test('a second start of the directory keeps ports, secrets and data', async () => {
  const dir = privateDirectory();
  const first = await start({ dir, only: servers });
  await first.stack.stop();
  const second = await start({ dir, only: servers });
  expect(second.stack.environment).toEqual(first.stack.environment);
});

test('a process that dies is reported and restarted', async () => {
  const dir = privateDirectory();
  const { events } = await start({ dir, only: servers });
  const before = await stackStatus(dir);
  for (const { pid } of before.processes) process.kill(pid ?? 0, 'SIGKILL');
  // Once as a rule; a PostgreSQL that comes too early for what is left of the one before is restarted once more.
  const again = () =>
    new Set(events.flatMap((event) => (event.type === 'ready' && event.restarts > 0 ? [event.name] : [])));
  const died = (name: string) => events.filter((event) => event.type === 'died' && event.name === name).length;
  await vi.waitUntil(() => again().size === servers.length, patiently);
  for (const { name, pid } of before.processes) {
    expect(events).toContainEqual(expect.objectContaining({ type: 'died', name, pid, signal: 'SIGKILL' }));
  }
  await vi.waitFor(async () => {
    const after = await stackStatus(dir);
    expect(after.processes.map(({ name, health, restarts }) => ({ name, health, restarts }))).toEqual(
      servers.map((name) => ({ name, health: 'up', restarts: died(name) })),
    );
  }, patiently);
});

test('a process of ours reaches the servers where it was rewired to; everybody else is told the truth', async () => {
  const proxies: TcpProxy[] = [];
  const { stack } = await start({
    dir: privateDirectory(),
    only: [...servers, 'order-worker'],
    rewire: async (process, ports) => {
      if (process !== 'worker-1') return ports;
      const via = async (server: ServerRole) => {
        const proxy = await startTcpProxy({ to: { host: '127.0.0.1', port: ports[server] } });
        onTestFinished(proxy.close);
        proxies.push(proxy);
        return proxy.port;
      };
      return {
        'stock-redis': await via('stock-redis'),
        'queue-redis': await via('queue-redis'),
        zookeeper: await via('zookeeper'),
        postgres: await via('postgres'),
      };
    },
  });
  await vi.waitUntil(() => proxies.every((proxy) => proxy.connections() > 0), patiently);
  const proxyPorts = proxies.map(({ port }) => String(port));
  expect(proxyPorts).not.toContain(new URL(stack.environment.SECKILL_STOCK_REDIS_URL ?? '').port);
  for (const proxy of proxies) proxy.mode('cut');
  const worker = async () => (await stackStatus(stack.dir)).processes.find(({ name }) => name === 'worker-1')?.health;
  await vi.waitUntil(async () => (await worker()) === 'down', patiently);
  for (const proxy of proxies) proxy.mode('pass');
  await vi.waitUntil(async () => (await worker()) === 'up', patiently);
});

test('a taken edge port is a configuration error that names --port', async () => {
  const { stack } = await start({ dir: privateDirectory(), only: ['stock-redis'] });
  const port = Number(new URL(stack.edgeUrl).port);
  await occupy(port);
  const attempt = start({ dir: privateDirectory(), port });
  await expect(attempt).rejects.toMatchObject({ kind: 'configuration', message: expect.stringContaining('--port') });
});

test('a private port that somebody takes before its server binds it is replaced by another', async () => {
  let _occupied: Promise<void> | null = null;
  const { stack, events } = await start({
    dir: privateDirectory(),
    only: ['stock-redis'],
    onEvent: (event) => {
      if (event.type === 'starting') _occupied ??= occupy(Number(new URL(event.address).port));
    },
  });
  const addresses = events.flatMap((event) => (event.type === 'starting' ? [event.address] : []));
  expect(addresses).toHaveLength(2);
  expect(addresses[1]).not.toBe(addresses[0]);
  expect(new URL(stack.environment.SECKILL_STOCK_REDIS_URL ?? '').host).toBe(new URL(addresses[1] ?? '').host);
});

test('two stacks that start at the same moment run side by side', async () => {
  const dirs = [privateDirectory(), privateDirectory()];
  await Promise.all(dirs.map((dir) => start({ dir, only: servers })));
  for (const dir of dirs) {
    await vi.waitFor(async () => {
      expect((await stackStatus(dir)).processes.map(({ health }) => health)).toEqual(servers.map(() => 'up'));
    }, patiently);
  }
});

test('a directory has one supervisor at a time', async () => {
  const dir = privateDirectory();
  await start({ dir, only: ['stock-redis'] });
  await expect(start({ dir, only: ['stock-redis'] })).rejects.toMatchObject({ kind: 'busy' });
});

test('a server that does not come up is named, with the end of its log, and nothing stays', async () => {
  const dir = privateDirectory();
  mkdirSync(join(dir, 'data/stock-redis/appendonlydir'), { recursive: true });
  writeFileSync(join(dir, 'data/stock-redis/appendonlydir/appendonly.aof.manifest'), 'nonsense\n');
  const pids: number[] = [];
  const attempt = start({
    dir,
    only: servers,
    onEvent: (event) => {
      if (event.type === 'ready') pids.push(event.pid);
    },
  });
  await expect(attempt).rejects.toThrow(/stock-redis .*died before it was ready(.|\n)*stock-redis\.log(.|\n)*manifest/);
  expect(await whoLives(pids)).toEqual([]);
});

test('a start that is cancelled stops what it started', async () => {
  const dir = privateDirectory();
  const cancel = new AbortController();
  const pids: number[] = [];
  const attempt = start({
    dir,
    only: servers,
    signal: cancel.signal,
    onEvent: (event) => {
      if (event.type !== 'ready') return;
      pids.push(event.pid);
      cancel.abort(new Error('changed my mind'));
    },
  });
  await expect(attempt).rejects.toThrow('changed my mind');
  expect(pids.length).toBeGreaterThan(0);
  expect(await whoLives(pids)).toEqual([]);
  expect(pidsIn(dir)).toEqual([]);
});
