import { expect, test } from 'vitest';
import type { CdcReport } from '#contract/cdc.ts';
import { type CdcStatus, cdcTroubles } from './cdc-status.ts';

const leader: CdcReport = {
  ...{ instance: 'cdc-1', state: 'streaming', sink: 'files in /x', trouble: null, generation: 1, position: '0/1' },
  ...{ lagSeconds: 0, written: 5, setAside: 0, request: null, at: 0 },
};
const slot = { reader: 'seckill cdc (pid 7)', isLost: false, behindBytes: 10, keptBytes: 100, leftBytes: 900 };
const well: CdcStatus = { publication: [], slot, processes: [leader], request: null, away: [] };

test('what is well, and what is not in use, has no troubles', () => {
  expect(cdcTroubles(well)).toEqual([]);
  expect(cdcTroubles({ ...well, slot: 'none', processes: [], publication: ['lacks all'] })).toEqual([]);
});

test.each<[string, Partial<CdcStatus>, RegExp]>([
  ['a lost slot', { slot: { ...slot, isLost: true } }, /is lost: seckill cdc snapshot$/],
  ['a slot that is nearly lost', { slot: { ...slot, keptBytes: 900, leftBytes: 100 } }, /about to be lost/],
  [
    'a slot without a reader',
    { slot: { ...slot, reader: null }, processes: [] },
    /no process reads the slot.*seckill cdc run/,
  ],
  ['processes that all stand by', { processes: [{ ...leader, state: 'standing_by' }] }, /no process reads the slot/],
  [
    'a publication that lacks a column',
    { publication: ['the publication lacks orders.x: run "seckill migrate"'] },
    /seckill migrate/,
  ],
  ['a trouble of the leader', { processes: [{ ...leader, trouble: 'no room in /x' }] }, /^cdc-1: no room in \/x$/],
  ['a leader that is behind', { processes: [{ ...leader, lagSeconds: 61 }] }, /^cdc-1 is 61 s behind/],
  ['rows that were refused', { processes: [{ ...leader, setAside: 2 }] }, /^2 rows were refused by files in \/x/],
  [
    'a server that is away',
    { processes: null, away: ['ZooKeeper: no answer'] },
    /^no answer from ZooKeeper: no answer$/,
  ],
])('%s is a trouble, with what to do', (_what, seen, words) => {
  const troubles = cdcTroubles({ ...well, ...seen });
  expect(troubles).toEqual([expect.stringMatching(words)]);
});
