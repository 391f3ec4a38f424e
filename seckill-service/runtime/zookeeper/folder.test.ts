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
  const versions = new Map<string, number>();
  const state = { session: 1, reading: 0, maxReading: 0, unreadable: '' };
  const zookeeper: Pick<ZooKeeper, 'ensure' | 'children' | 'read' | 'onSession' | 'sessionNumber'> = {
    sessionNumber: () => state.session,
    ensure: async () => undefined,
    children: async (path, watch) => {
      if (watch) watches.set(path, watch);
      return [...nodes.keys()];
    },
    read: async (path, watch) => {
      state.reading += 1;
      state.maxReading = Math.max(state.maxReading, state.reading);
      await null;
      state.reading -= 1;
      if (path === `/numbers/${state.unreadable}`) throw new Error('no right to read it');
      const data = nodes.get(path.slice('/numbers/'.length));
      if (watch && data !== undefined) watches.set(path, watch);
      return data === undefined ? null : { data: Buffer.from(data), version: versions.get(path) ?? 0, session: null };
    },
    onSession: (listener) => listener(),
  };
  const set = (name: string, data: string | null) => {
    const isNew = !nodes.has(name);
    if (data === null) nodes.delete(name);
    else nodes.set(name, data);
    const path = isNew ? '/numbers' : `/numbers/${name}`;
    if (!isNew) versions.set(path, (versions.get(path) ?? 0) + 1);
    const watch = watches.get(path);
    watches.delete(path);
    watch?.();
  };
  return { zookeeper: zookeeper as ZooKeeper, set, state };
}

type Rules = Pick<Parameters<typeof followFolder<number>>[0], 'isInForce' | 'unreadable'>;

async function followed(rules: Rules, numbers = folderOfNumbers()) {
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
  return { folder, told, set: numbers.set, state: numbers.state };
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

test('a writer gets the node with its version, the same data written again too, and none that an older session saw', async () => {
  const { folder, set, state } = await followed({ unreadable: 'drop' });
  expect(folder.seen('a')).toEqual({ data: Buffer.from('5'), version: 0 });
  set('a', '6');
  await vi.waitUntil(() => folder.seen('a')?.version === 1);
  set('a', '6');
  await vi.waitUntil(() => folder.seen('a')?.version === 2);
  state.session += 1;
  expect([folder.get('a'), folder.seen('a'), folder.seen('b')]).toEqual([6, null, null]);
});

test('a thousand children are read a few at a time; one that cannot be read keeps none of the others from it', async () => {
  const numbers = folderOfNumbers();
  for (let n = 0; n < 1000; n += 1) numbers.set(`n${n}`, String(n));
  const { folder } = await followed({ unreadable: 'drop' }, numbers);
  expect(folder.all()).toHaveLength(1001);
  expect(numbers.state.maxReading).toBeLessThanOrEqual(16);

  const others = folderOfNumbers();
  others.state.unreadable = 'n0';
  for (let n = 0; n < 100; n += 1) others.set(`n${n}`, String(n));
  const { zookeeper } = others;
  const parse = (data: Buffer) => Number(data.toString());
  const partly = followFolder({ zookeeper, parent: '/numbers', logger, parse, unreadable: 'drop' });
  closers.push(partly.close);
  await vi.waitUntil(() => partly.all().length === 99);
  expect(partly.isComplete()).toBe(false);
});
