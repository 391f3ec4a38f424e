import { expect, test } from 'vitest';
import { parseSaleNode, type SaleNode } from '#contract/sale.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { publishState } from './publish-state.ts';

const bytes = (sale: SaleNode) => Buffer.from(JSON.stringify(sale));

/** The node of one sale in memory, with versions as ZooKeeper counts them. */
function nodeOf(sale: SaleNode, version: number) {
  const state = { data: bytes(sale), version, reads: 0 };
  const zookeeper: Pick<ZooKeeper, 'read' | 'write'> = {
    read: async () => {
      state.reads += 1;
      return { data: state.data, version: state.version, session: null };
    },
    write: async (_path, data, expected) => {
      if (expected !== state.version) return false;
      Object.assign(state, { data, version: state.version + 1 });
      return true;
    },
  };
  const sold = (epoch: number, seen: { data: Buffer; version: number }) =>
    publishState(zookeeper as ZooKeeper, 'tea', { state: 'sold_out', epoch }, seen);
  return { state, sold, now: () => parseSaleNode(state.data, 'tea') };
}

test('a change of what was seen before is written without a read, while it is still so', async () => {
  const { state, sold, now } = nodeOf(saleNode({ epoch: 3 }), 7);
  expect(await sold(4, { data: bytes(saleNode({ epoch: 3 })), version: 7 })).toBe('written');
  expect([now().state, now().epoch, state.reads]).toEqual(['sold_out', 4, 0]);
});

test('what was seen and is not so any more decides nothing: a lower epoch never overwrites a higher one (I7)', async () => {
  const old = { data: bytes(saleNode({ epoch: 1 })), version: 1 };
  const newer = nodeOf(saleNode({ epoch: 5, title: 'Renamed' }), 7);
  expect(await newer.sold(4, old)).toBe('newer_is_there');
  expect(await newer.sold(6, old)).toBe('written');
  expect(newer.now()).toMatchObject({ state: 'sold_out', epoch: 6, title: 'Renamed' });

  // What looks as if there was nothing to do is read before that is said.
  const lost = nodeOf(saleNode({ epoch: 2 }), 0);
  const ahead = { data: bytes(saleNode({ epoch: 9 })), version: 4 };
  expect(await lost.sold(4, ahead)).toBe('written');
  expect(lost.now()).toMatchObject({ state: 'sold_out', epoch: 4 });
  const unreadable = { data: Buffer.from('rubbish'), version: 5 };
  expect(await lost.sold(5, unreadable)).toBe('written');
});
