import { expect, onTestFinished, test, vi } from 'vitest';
import { createLogger } from '../logger.ts';
import type { ZooKeeper } from './client.ts';
import { keepPresence } from './presence.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

/** One node in memory, and how often each call was made. */
function oneNode() {
  const calls = { read: 0, write: 0, create: 0 };
  const state = { node: null as Buffer | null, session: 1 };
  const zookeeper: Pick<ZooKeeper, 'read' | 'write' | 'create' | 'remove' | 'sessionNumber' | 'onSession'> = {
    read: async () => {
      calls.read += 1;
      return state.node === null ? null : { data: state.node, version: 0, session: state.session };
    },
    write: async (_path, data) => {
      calls.write += 1;
      if (state.node === null) return false;
      state.node = data;
      return true;
    },
    create: async (_path, data) => {
      calls.create += 1;
      state.node = data;
      return true;
    },
    remove: async () => {
      state.node = null;
    },
    sessionNumber: () => state.session,
    onSession: () => undefined,
  };
  return { calls, state, zookeeper: zookeeper as ZooKeeper };
}

test('what changes is written at once and without being read; a storm of changes is a few writes, and the last one counts', async () => {
  const { calls, state, zookeeper } = oneNode();
  let epoch = 0;
  const data = () => Buffer.from(String(epoch));
  const presence = keepPresence({ zookeeper, path: '/edges/a', logger, data, everyMs: 600_000 });
  onTestFinished(() => presence.close());
  const written = () => vi.waitUntil(() => state.node?.toString() === String(epoch), { timeout: 20_000, interval: 1 });
  await written();
  const reads = calls.read;
  for (epoch = 1; epoch < 1000; epoch += 1) {
    presence.nudge();
    await new Promise((resolve) => setImmediate(resolve));
  }
  presence.nudge();
  await written();
  expect(calls.read).toBe(reads);
  expect(calls.write).toBeLessThan(300);
  state.node = null; // ZooKeeper has lost it
  epoch += 1;
  presence.nudge();
  await written();
  state.session += 1; // the node is the older session's, and will vanish with it
  epoch += 1;
  const made = calls.create;
  presence.nudge();
  await written();
  expect(calls.create).toBe(made + 1);
});
