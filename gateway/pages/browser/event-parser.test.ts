import { expect, test } from 'vitest';
import { createEventParser } from './event-parser.ts';

const text =
  'retry: 2000\n\n:\n\nid: 3\nevent: order\ndata: {"a":1}\n\ndata: one\r\ndata:two\r\n\r\nid: 4\ndata: unfinished';
const parts = [
  { kind: 'retry', ms: 2000 },
  { kind: 'event', event: { id: '3', event: 'order', data: '{"a":1}' } },
  { kind: 'event', event: { id: '3', event: 'message', data: 'one\ntwo' } },
];

test('an event stream says the same however it is cut into pieces, and nothing of what is not complete', () => {
  for (let size = 1; size <= text.length; size += 1) {
    const parse = createEventParser();
    const seen = [];
    for (let start = 0; start < text.length; start += size) seen.push(...parse(text.slice(start, start + size)));
    expect(seen, `pieces of ${size}`).toEqual(parts);
  }
});
