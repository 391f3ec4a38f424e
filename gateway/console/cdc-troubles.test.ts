import { expect, test } from 'vitest';
import type { CdcReport } from '#contract/cdc.ts';
import { parseSamples } from '#runtime/prometheus-text.ts';
import { cdcSlotSeen, cdcTroubles } from './cdc-troubles.ts';

const report = (told: Partial<CdcReport>): CdcReport => ({
  ...{ instance: 'cdc-1', state: 'streaming', sink: 'files in /cdc', trouble: null, generation: 1, position: '0/1' },
  ...{ lagSeconds: 0, written: 0, setAside: 0, request: null, at: 0 },
  ...told,
});
const standingBy = report({ instance: 'cdc-2', state: 'standing_by' });
const none = { keptBytes: null, leftBytes: null };
const calm = { keptBytes: 1e6, leftBytes: 1e9 };

test('nothing is told where the data team does not read along, nor of a copy that goes on', () => {
  expect(cdcTroubles(none, [])).toEqual([]);
  expect(cdcTroubles(calm, [standingBy, report({})])).toEqual([]);
  expect(cdcTroubles(calm, null)).toEqual([]);
});

test.each([
  [calm, report({ state: 'stopped', trouble: 'the slot is gone' }), 'stands still: the slot is gone'],
  [calm, report({ lagSeconds: 61 }), 'is 61 s behind'],
  [calm, standingBy, 'no process reads'],
  [{ keptBytes: 9e6, leftBytes: 1e6 }, report({}), 'about to be lost'],
  [{ keptBytes: 1, leftBytes: 0 }, report({}), 'is lost'],
])('%j: it says so', (slot, told, line) => {
  expect(cdcTroubles(slot, [told])).toEqual([expect.stringContaining(line)]);
});

test('the slot is the data team’s own, and the worst that is told of it counts', () => {
  const text = [
    'seckill_postgres_slot_bytes{slot="standby_1"} 99',
    'seckill_postgres_slot_bytes{slot="seckill_cdc"} 5',
    'seckill_postgres_slot_bytes{slot="seckill_cdc"} 7',
    'seckill_postgres_slot_left_bytes{slot="seckill_cdc"} 3',
    'seckill_postgres_slot_left_bytes{slot="seckill_cdc"} 2',
  ];
  expect(cdcSlotSeen(parseSamples(`${text.join('\n')}\n`))).toEqual({ keptBytes: 7, leftBytes: 2 });
  expect(cdcSlotSeen([])).toEqual(none);
});
