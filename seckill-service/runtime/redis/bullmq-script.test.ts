import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { type BullmqScript, bullmqKeys, bullmqScript, withBullmqScript } from './bullmq-script.ts';
import { readHeader } from './script-header.ts';

/** What a script's own header says of its keys or arguments, in their order. */
const documented = (name: BullmqScript, table: 'KEYS' | 'ARGV') =>
  [...bullmqScript(name).matchAll(new RegExp(`^ +${table}\\[(\\d+)\\]\\s+(.+)$`, 'gm'))].map(([, , what]) =>
    what?.trim(),
  );

test('this BullMQ’s scripts take the keys that we pass, in our order', () => {
  const active = [
    'wait key',
    'active key',
    'prioritized key',
    'stream events key',
    'stalled key',
    'rate limiter key',
    'delayed key',
    'paused key',
    'meta key',
    'pc priority counter',
  ];
  expect(bullmqKeys.moveToActive).toHaveLength(11);
  expect(documented('moveToActive', 'KEYS')).toEqual([...active, 'marker key']);
  expect(bullmqKeys.moveToFinished.slice(10)).toEqual(['completed', '', 'metrics:completed', 'marker']);
  expect(documented('moveToFinished', 'KEYS')).toEqual([
    ...active.map((key) => key.replace('stream events', 'event stream')),
    'completed/failed key',
    'jobId key',
    'metrics key',
    'marker key',
  ]);
  expect(documented('addStandardJob', 'KEYS').map((key) => key?.replace(/['",]/g, ''))).toEqual(
    bullmqKeys.addStandardJob.map(
      (key) => ({ events: 'events stream key', marker: 'marker key' })[key as string] ?? key,
    ),
  );
});

test('this BullMQ’s scripts take the arguments that we pass, and reply what we read', () => {
  expect(documented('moveToActive', 'ARGV')).toEqual(['key prefix', 'timestamp', 'opts']);
  // A job's hash as a flat list and its id, or something that is no table first.
  expect(bullmqScript('moveToActive')).toContain('return {rcall("HGETALL", jobKey), jobId, 0, 0}');
  expect(documented('moveToFinished', 'ARGV')).toEqual([
    'jobId',
    'timestamp',
    'msg property returnvalue / failedReason',
    'return value / failed reason',
    'target (completed/failed)',
    'fetch next?',
    'keys prefix',
    'opts',
    'job fields to update',
  ]);
  expect(documented('addStandardJob', 'ARGV')).toEqual([
    'msgpacked arguments array',
    'Json stringified job data',
    'msgpacked options',
  ]);
  expect(bullmqScript('addStandardJob')).toMatch(
    /\[1\] +key prefix,\s+\[2\] +custom id .*\s+\[3\] +name\s+\[4\] +timestamp/,
  );
});

test.each([['seckill-service/relay/scripts/add-orders.lua', 'addStandardJob']] as const)(
  '%s is given as many keys as BullMQ’s own takes, and stands behind it',
  (file, theirs) => {
    const lua = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
    const [first] = readHeader(basename(file, '.lua'), lua).keys;
    expect(first).toEqual({ from: 1, to: bullmqKeys[theirs].length, name: 'what' });
    expect(withBullmqScript(theirs, lua).startsWith(`local function ${theirs}(KEYS, ARGV)\n--[[`)).toBe(true);
  },
);
