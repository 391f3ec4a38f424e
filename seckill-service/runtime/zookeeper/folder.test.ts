import { afterEach, expect, test, vi } from 'vitest';
import { createLogger } from '../logger.ts';
import type { ZooKeeper } from './client.ts';
import { type Folder, followFolder } from './folder.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A folder of numbers in memory, that calls each watch once as ZooKeeper does. */
function folderOfNumbers() {
  const nodes = new Map<string, string>();
  const watches = new Map<string, () => void>();
  const zookeeper: Pick<ZooKeeper, 'ensure' | 'children' | 'read' | 'onSession'> = {
    ensure: async () => undefined,
    children: async (path, watch) => {
      if (watch) watches.set(path, watch);
      return [...nodes.keys()];
    },
    read: async (path, watch) => {
      const data = nodes.get(path.slice('/numbers/'.length));
      if (watch && data !== undefined) watches.set(path, watch);
      return data === undefined ? null : { data: Buffer.from(data), version: 0, session: null };
    },
    onSession: (listener) => listener(),
  };
  const set = (name: string, data: string | null) => {
    const isNew = !nodes.has(name);
    if (data === null) nodes.delete(name);
    else nodes.set(name, data);
    const path = isNew ? '/numbers' : `/numbers/${name}`;
    const watch = watches.get(path);
    watches.delete(path);
    watch?.();
  };
  return { zookeeper: zookeeper as ZooKeeper, set };
}

type Rules = Pick<Parameters<typeof followFolder<number>>[0], 'isInForce' | 'unreadable'>;

async function followed(rules: Rules) {
  const numbers = folderOfNumbers();
  numbers.set('a', '5');
  const told: [string, number | null][] = [];
  const folder: Folder<number> = followFolder({
    zookeeper: numbers.zookeeper,
    parent: '/numbers',
    logger,
    parse: (data) => {
      const value = Number(data.toString());
      if (Number.isNaN(value)) throw new Error('not a number');
      return value;
    },
    ...rules,
  });
  closers.push(folder.close);
  folder.onChange((name, value) => told.push([name, value]));
  expect(folder.isComplete()).toBe(false);
  await new Promise<void>((resolve) => folder.onComplete(resolve));
  expect(folder.isComplete()).toBe(true);
  return { folder, told, set: numbers.set };
}

test('a follower hears what is there, what comes, what changes and what goes, each once', async () => {
  const { folder, told, set } = await followed({ unreadable: 'drop' });
  set('a', '5');
  set('b', '6');
  await vi.waitUntil(() => folder.get('b') === 6);
  set('b', '7');
  await vi.waitUntil(() => folder.get('b') === 7);
  expect(folder.all()).toEqual([5, 7]);
  set('a', null);
  await vi.waitUntil(() => folder.get('a') === null);
  expect(folder.all()).toEqual([7]);
  expect(told).toEqual([
    ['a', 5],
    ['b', 6],
    ['b', 7],
    ['a', null],
  ]);
});

test('what is not in force by the rule of the follower changes nothing', async () => {
  const { folder, told, set } = await followed({ unreadable: 'keep', isInForce: (read, known) => read >= known });
  set('a', '4');
  set('b', '1');
  await vi.waitUntil(() => folder.get('b') === 1);
  expect(folder.get('a')).toBe(5);
  expect(told).not.toContainEqual(['a', 4]);
});

test('of a node that cannot be read the last good value stays, or none, as the follower wants', async () => {
  const [keeping, dropping] = [await followed({ unreadable: 'keep' }), await followed({ unreadable: 'drop' })];
  for (const { set } of [keeping, dropping]) {
    set('a', 'five');
    set('b', '1');
  }
  await vi.waitUntil(() => keeping.folder.get('b') === 1 && dropping.folder.get('b') === 1);
  expect(keeping.folder.get('a')).toBe(5);
  await vi.waitUntil(() => dropping.folder.get('a') === null);
  expect(dropping.told).toContainEqual(['a', null]);
  // What was good before is good again, though the follower has seen that very data.
  dropping.set('a', '5');
  await vi.waitUntil(() => dropping.folder.get('a') === 5);
});

test('a child that cannot be read is told once, and again when it has changed', async () => {
  const errors = vi.spyOn(logger, 'error');
  const { set, folder } = await followed({ unreadable: 'drop' });
  const toldAfter = async (data: string, times: number) => {
    set('a', data);
    await vi.waitFor(() => expect(errors).toHaveBeenCalledTimes(times));
  };
  await toldAfter('rubbish', 1);
  set('a', 'rubbish');
  await toldAfter('more rubbish', 2);
  set('a', '7');
  await vi.waitFor(() => expect(folder.get('a')).toBe(7));
  expect(errors).toHaveBeenCalledTimes(2);
});
