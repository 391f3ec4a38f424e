import { expect, test, vi } from 'vitest';
import { ConfigError } from './config.ts';
import type { Host } from './main.ts';
import { runService, type Service } from './service.ts';

const config = { SECKILL_INSTANCE: 'test', SECKILL_LISTEN: '127.0.0.1:1', SECKILL_LOG_LEVEL: 'silent' };

/** A process that is told to end by hand, and only writes down what becomes of it. */
function hostUnderTest() {
  const listeners = new Map<string, (signal: NodeJS.Signals) => void>();
  const [exits, said]: [number[], string[]] = [[], []];
  const host: Host = {
    env: { NAME: 'value' },
    on: (signal, listener) => listeners.set(signal, listener),
    exit: (code) => exits.push(code),
    stderr: { write: (text) => said.push(text) },
  };
  const send = (signal: 'SIGTERM' | 'SIGINT') => listeners.get(signal)?.(signal);
  return { host, exits, said, send, listensTo: () => [...listeners.keys()] };
}

const run = (host: Host, start: (service: Service<typeof config>) => Promise<void>) =>
  runService('test', () => config, start, host);

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s closes what was opened, in reverse order, and exits 0',
  async (signal) => {
    const { host, exits, said, send } = hostUnderTest();
    const closed: string[] = [];
    await run(host, async ({ own }) => {
      for (const name of ['redis', 'agent', 'server']) own(name, { close: () => closed.push(name) });
    });
    expect([closed, exits]).toEqual([[], []]);
    send(signal);
    await vi.waitUntil(() => exits.length > 0);
    expect(closed).toEqual(['server', 'agent', 'redis']);
    expect([exits, said]).toEqual([[0], []]);
  },
);

test('a second signal exits at once, without waiting for what is being closed', async () => {
  const { host, exits, send } = hostUnderTest();
  const slow = Promise.withResolvers<void>();
  await run(host, async ({ own }) => {
    own('server', { close: () => slow.promise });
  });
  send('SIGTERM');
  expect(exits).toEqual([]);
  send('SIGINT');
  expect(exits).toEqual([1]);
  slow.resolve();
});

test('a start that fails half-way closes what it has opened, in reverse order, then says why and exits 1', async () => {
  const { host, exits, said } = hostUnderTest();
  const closed: string[] = [];
  await run(host, async ({ own }) => {
    own('redis', { close: () => closed.push('redis') });
    own('agent', { close: () => Promise.reject(new Error(`too early: ${closed.push('agent')}`)) });
    await Promise.reject(new Error('the address is in use'));
    own('server', { close: () => closed.push('server') });
  });
  expect(closed).toEqual(['agent', 'redis']);
  expect(exits).toEqual([1]);
  expect(said.join('')).toMatch(/^test: Error: the address is in use\n/);
});

test('a configuration that is found wrong in the middle of the start exits 78, after what was opened is closed', async () => {
  const { host, exits, said } = hostUnderTest();
  const closed: string[] = [];
  await run(host, async ({ own }) => {
    own('redis', { close: () => closed.push('redis') });
    throw new ConfigError(['SECKILL_X is not set']);
  });
  expect([closed, exits]).toEqual([['redis'], [78]]);
  expect(said).toEqual(['test: configuration:\n  - SECKILL_X is not set\n']);
});

test('a configuration that cannot be read exits 78 before anything is started', async () => {
  const { host, exits } = hostUnderTest();
  const start = vi.fn();
  const read = (environment: Host['env']) => {
    expect(environment).toEqual({ NAME: 'value' });
    throw new ConfigError(['SECKILL_X is not set']);
  };
  await runService('test', read, start, host);
  expect(start).not.toHaveBeenCalled();
  expect(exits).toEqual([78]);
});

test('a signal in the middle of the start closes what is open by then, and what the start opens later', async () => {
  const { host, exits, said, send } = hostUnderTest();
  const [closed, slow, connected]: [string[], PromiseWithResolvers<void>, PromiseWithResolvers<void>] = [
    [],
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  const running = run(host, async ({ own }) => {
    own('redis', {
      close: () => {
        closed.push('redis');
        return slow.promise;
      },
    });
    await connected.promise;
    own('server', { close: () => closed.push('server') });
    closed.push('the start went on');
  });
  send('SIGTERM');
  connected.resolve();
  await running;
  expect(closed).toEqual(['redis', 'server']);
  expect(exits).toEqual([]);
  slow.resolve();
  await vi.waitUntil(() => exits.length > 0);
  expect([exits, said]).toEqual([[0], []]);
});
