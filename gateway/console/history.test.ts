import { expect, test } from 'vitest';
import { createHistory } from './history.ts';
import type { SaleMoment } from './sample.ts';
import { createViewers } from './viewers.ts';

const moment = (at: number): SaleMoment => [at, [1, null], { sold_out: 2 }];

test('the last hour of a sale is kept, and no more; a sale that is over is forgotten', () => {
  const history = createHistory();
  for (const minute of [0, 30, 61, 80]) history.add('a', moment(minute * 60_000));
  history.forgetBefore(80 * 60_000);
  expect(JSON.parse(history.of('a'))).toEqual([moment(30 * 60_000), moment(61 * 60_000), moment(80 * 60_000)]);
  history.forgetBefore(200 * 60_000);
  expect(history.of('a')).toBe('[]');
  expect(history.of('never heard of')).toBe('[]');
});

test('every viewer gets the same bytes, a new one the last tick at once, and one that does not read is let go', async () => {
  const viewers = createViewers();
  const text = async (reader: ReadableStreamDefaultReader<Uint8Array>) =>
    Buffer.from((await reader.read()).value ?? []).toString();
  viewers.tell('{"at":1}');
  const reader = viewers.open()?.getReader();
  if (reader === undefined) throw new Error('no stream');
  expect(await text(reader)).toBe('retry: 2000\n\n');
  expect(await text(reader)).toBe('event: tick\ndata: {"at":1}\n\n');
  viewers.tell('{"at":2}');
  expect(await text(reader)).toBe('event: tick\ndata: {"at":2}\n\n');
  for (let nth = 0; nth < 100; nth += 1) viewers.tell('{}');
  expect(viewers.count()).toBe(0);
});

test('there are so many viewers at most, and one that goes makes room', async () => {
  const viewers = createViewers();
  const streams = Array.from({ length: 50 }, (_, nth) => viewers.open({ saleId: nth < 2 ? 'tea' : null }));
  expect([...viewers.lookedAt()]).toEqual(['tea']);
  expect(streams.every((stream) => stream !== null)).toBe(true);
  expect(viewers.open()).toBeNull();
  await streams[0]?.cancel();
  expect(viewers.open()).not.toBeNull();
  viewers.close();
  expect(viewers.count()).toBe(0);
});
