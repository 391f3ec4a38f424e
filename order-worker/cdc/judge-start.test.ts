import { expect, test } from 'vitest';
import { judgeStart, type Sights } from './judge-start.ts';

const position = { generation: 2, snapshot: 'done', lsn: '0/200', system: '77', timeline: 3, request: 'r1' } as const;
const good: Sights = {
  position,
  filled: { sink: 'files in /x', generation: 2, request: 'r1', wentBackFrom: null },
  slot: { kind: 'ready', confirmed: '0/1FF', holder: null },
  server: { system: '77', timeline: 3, end: '0/300' },
  request: { id: 'r1', at: 0 },
  timelineEnd: null,
};

test('what fits goes on where the sink stands', () => {
  expect(judgeStart(good)).toEqual({ kind: 'stream', position });
  expect(judgeStart({ ...good, server: { ...good.server, timeline: 4 }, timelineEnd: '0/200' }).kind).toBe('stream');
});

test.each<[string, Partial<Sights>, object]>([
  ['a new sink', { position: null, filled: null, request: null }, { generation: 1, request: null }],
  ['a new sink, and a request', { position: null, filled: null }, { generation: 1, request: 'r1' }],
  [
    'an emptied sink, and a new request',
    { position: null, request: { id: 'r2', at: 0 } },
    { generation: 3, request: 'r2' },
  ],
  [
    'a snapshot that was not finished',
    { position: { ...position, snapshot: 'running' } },
    { generation: 3, request: 'r1' },
  ],
  ['a new request', { request: { id: 'r2', at: 0 } }, { generation: 3, request: 'r2' }],
  [
    'a new request where the slot is lost',
    {
      request: { id: 'r2', at: 0 },
      slot: { ...good.slot, kind: 'lost', confirmed: null, holder: null },
    },
    { generation: 3 },
  ],
  [
    'a new request where the slot is missing',
    { request: { id: 'r2', at: 0 }, slot: { kind: 'missing' } },
    { generation: 3 },
  ],
  [
    'a new request where the server is another',
    { request: { id: 'r2', at: 0 }, server: { ...good.server, system: '78' } },
    { generation: 3 },
  ],
])('%s begins a snapshot', (_what, sights, expected) => {
  expect(judgeStart({ ...good, ...sights })).toMatchObject({ kind: 'snapshot', ...expected });
});

test.each<[string, Partial<Sights>, RegExp]>([
  [
    'a sink that was emptied',
    { position: null, request: null },
    /the sink is empty, and had all tables before \(generation 2\)/,
  ],
  [
    'a sink that was emptied, and the request of long ago that had filled it',
    { position: null },
    /the sink is empty, and had all tables before/,
  ],
  ['a slot that is missing', { slot: { kind: 'missing' } }, /the slot is gone/],
  ['a slot that is lost', { slot: { kind: 'lost', confirmed: '0/100', holder: null } }, /not read for too long/],
  [
    'a slot ahead of the sink',
    { slot: { kind: 'ready', confirmed: '0/201', holder: null } },
    /what is between was read by another/,
  ],
  ['a slot without a place', { slot: { kind: 'ready', confirmed: null, holder: null } }, /what is between/],
  ['a database that is behind the sink', { server: { ...good.server, end: '0/1FF' } }, /it was restored/],
  [
    'a database that was behind the sink, and has come past it since',
    { filled: { sink: 'files in /x', generation: 2, request: 'r1', wentBackFrom: '0/200' } },
    /it was restored/,
  ],
  ['another server', { server: { ...good.server, system: '78' } }, /another database server/],
  [
    'an older timeline',
    { server: { ...good.server, timeline: 2 } },
    /is on timeline 2, the sink has changes of timeline 3/,
  ],
  [
    'a timeline that the server never had',
    { server: { ...good.server, timeline: 4 }, timelineEnd: null },
    /was never on timeline 3/,
  ],
  [
    'a standby that took over before it had what the sink has',
    { server: { ...good.server, timeline: 4 }, timelineEnd: '0/1F0' },
    /a standby took over that did not have them/,
  ],
])('%s is a gap, told in words', (_what, sights, words) => {
  const start = judgeStart({ ...good, ...sights });
  expect(start.kind).toBe('gap');
  expect(start.kind === 'gap' && start.words).toMatch(words);
});

test('a slot that another connection reads is waited for, also where a snapshot was asked for', () => {
  const slot = { kind: 'held', confirmed: '0/100', holder: 'pid 7 (psql)' } as const;
  expect(judgeStart({ ...good, slot, request: { id: 'r2', at: 0 } })).toEqual({
    kind: 'held',
    words: 'the slot is read by another connection: pid 7 (psql)',
  });
});
