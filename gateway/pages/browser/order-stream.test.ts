import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { OrderView } from '#contract/order.ts';
import { followOrder } from './order-stream.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const encoder = new TextEncoder();
const event = (version: number, state: OrderView['state']) =>
  `id: ${version}\nevent: order\ndata: ${JSON.stringify({ version, state })}\n\n`;

/** A server whose streams a test speaks on; each `open` is one connection, in order. */
function serverOf(answer: () => Response | null = () => null) {
  const opened: { headers: Record<string, string>; say: (text: string) => void; end: () => void }[] = [];
  const open = async (headers: Record<string, string>, signal: AbortSignal) => {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (its) => {
        controller = its;
      },
    });
    signal.addEventListener('abort', () => controller?.error(new Error('aborted')));
    opened.push({ headers, say: (text) => controller?.enqueue(encoder.encode(text)), end: () => controller?.close() });
    return answer() ?? new Response(body);
  };
  return { opened, open };
}
const follow = (open: Parameters<typeof followOrder>[0]['open']) => {
  const states: string[] = [];
  const stream = followOrder({ open, onView: (view) => states.push(view.state), now: Date.now, random: () => 0.5 });
  return { states, stream };
};
const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

test('the page hears each change, comes back after an end with what it knows, and takes no older word', async () => {
  const { opened, open } = serverOf();
  const { states, stream } = follow(open);
  stream.resume();
  expect(stream.isLive()).toBe(false); // nothing was said yet: the page still asks
  await pass();
  opened[0]?.say(`retry: 500\n\n${event(0, 'queued')}${event(1, 'awaiting_payment')}`);
  await pass();
  expect([states, stream.isLive()]).toEqual([['queued', 'awaiting_payment'], true]);
  opened[0]?.end();
  await pass(10);
  expect(stream.isLive()).toBe(false);
  stream.resume(); // the next try is set: asking again changes nothing
  await pass(489);
  expect(opened).toHaveLength(1);
  await pass(1);
  expect(opened[1]?.headers).toEqual({ 'Last-Event-ID': '1' });
  opened[1]?.say(`${event(0, 'queued')}${event(2, 'expired')}`);
  await pass();
  expect(states.slice(2)).toEqual(['expired']);
});

test('a stream that falls silent is dead: the page asks, and opens another', async () => {
  const { opened, open } = serverOf();
  const { stream } = follow(open);
  stream.resume();
  await pass();
  opened[0]?.say(':\n\n');
  await pass(39_000);
  expect(stream.isLive()).toBe(true);
  await pass(2000);
  expect(stream.isLive()).toBe(false);
  stream.resume();
  await pass();
  expect(opened).toHaveLength(2);
});

test('a full server is asked again when it said, a refusal for good and an ended order never', async () => {
  const full = serverOf(() => new Response('{}', { status: 503, headers: { 'Retry-After': '10' } }));
  follow(full.open).stream.resume();
  await pass(9000);
  expect(full.opened).toHaveLength(1);
  await pass(5000);
  expect(full.opened).toHaveLength(2);
  for (const status of [204, 403]) {
    const server = serverOf(() => new Response(null, { status }));
    const { stream } = follow(server.open);
    stream.resume();
    await pass(60_000);
    stream.resume();
    await pass();
    expect(server.opened).toHaveLength(1);
  }
});

test('a page that is not looked at holds no connection', async () => {
  const { opened, open } = serverOf();
  const { states, stream } = follow(open);
  stream.resume();
  await pass();
  opened[0]?.say(event(1, 'awaiting_payment'));
  await pass();
  stream.pause();
  await pass(60_000);
  expect([stream.isLive(), opened.length]).toEqual([false, 1]);
  stream.resume();
  await pass();
  opened[1]?.say(event(2, 'paid'));
  await pass();
  expect(states).toEqual(['awaiting_payment', 'paid']);
});
