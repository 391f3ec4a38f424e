import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { foundEdgeSettingsSchema } from './edge-settings.ts';
import { edgeAnswerSchema, edgeNodeSchema } from './edge-stream.ts';
import { highestEpoch, nextEpoch } from './epoch.ts';
import { parseSaleNode } from './sale.ts';
import { parseSaleNews } from './sale-news.ts';

const window = { opensAt: '2026-01-01T00:00:00.000Z', closesAt: '2026-01-02T00:00:00.000Z' };
const price = { amount: 1, currency: 'CNY' };
const saleNode = (epoch: number) =>
  JSON.stringify({
    ...{ saleId: 'a', title: 'A', price, challenge: 'none', state: 'open' },
    ...{ epoch, window, limits: { perUser: 1 } },
  });
const applied = { limits: {}, maintenance: false, keyIds: [] };
const readers: Record<string, (epoch: number) => boolean> = {
  'a sale in ZooKeeper': (epoch) => {
    try {
      return parseSaleNode(saleNode(epoch), 'a').epoch === epoch;
    } catch {
      return false;
    }
  },
  'settings in ZooKeeper': (version) =>
    foundEdgeSettingsSchema.safeParse({ version, limits: {}, maintenance: null }).success,
  'an edge in ZooKeeper': (epoch) => {
    const node = { edgeId: 'e', appliedAt: window.opensAt };
    return (
      edgeNodeSchema.safeParse({ ...node, epochs: { a: epoch } }).success &&
      edgeNodeSchema.safeParse({ ...node, epochs: {}, settingsVersion: epoch }).success
    );
  },
  'what nginx answers': (epoch) =>
    edgeAnswerSchema.safeParse({ type: 'applied', ...applied, epochs: { a: epoch }, settingsVersion: 1 }).success &&
    edgeAnswerSchema.safeParse({ type: 'applied', ...applied, epochs: {}, settingsVersion: epoch }).success,
  'news of stock Redis': (epoch) => parseSaleNews(`a ${epoch} open`) !== null,
};

test.each(Object.keys(readers))('%s is not read above the highest epoch: it cannot shut the way for good', (name) => {
  const reads = readers[name] ?? (() => false);
  expect([1, highestEpoch].map(reads)).toEqual([true, true]);
  expect([highestEpoch + 1, 2 ** 53 - 1].map(reads)).toEqual([false, false]);
});

test('at the highest a change keeps the number', () => {
  expect([nextEpoch(0), nextEpoch(3, 7), nextEpoch(highestEpoch, 7)]).toEqual([1, 8, highestEpoch]);
});

test('a node that tells of another sale than its own is not read', () => {
  expect(() => parseSaleNode(saleNode(1), 'b')).toThrow('about another sale');
});

test('the Lua twins have the same highest epoch', () => {
  const root = join(import.meta.dirname, '../..');
  const scripts = join(root, 'seckill-service/stock/scripts');
  const lua = join(root, 'nginx-lua/lua/seckill');
  const files = [scripts, lua].flatMap((dir) => readdirSync(dir).map((name) => join(dir, name)));
  const found = files
    .filter((file) => file.endsWith('.lua'))
    .flatMap((file) => {
      const [, number] = /HIGHEST_EPOCH = (?:.*, )?(\d{5,})/.exec(readFileSync(file, 'utf8')) ?? [];
      return number === undefined ? [] : [[file.slice(file.lastIndexOf('/') + 1), Number(number)]];
    });
  expect(found.map(([name]) => name).sort()).toEqual(
    ['preload.lua', 'release.lua', 'reserve.lua', 'set-state.lua', 'settings.lua', 'state.lua'].sort(),
  );
  expect(new Set(found.map(([, number]) => number))).toEqual(new Set([highestEpoch]));
});
