import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { type Receiver, type Reply, replyWith, startReceiver } from '#lab/kits/receiver.ts';
import { createEndpoint, type Endpoint } from './endpoint.ts';

vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 45_000 } } });

const open: { close: () => Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function receiver(reply: Reply): Promise<Receiver> {
  const started = await startReceiver({ reply });
  open.push(started);
  return started;
}
function endpoint(url: string, options: Partial<Parameters<typeof createEndpoint>[0]> = {}): Endpoint {
  const created = createEndpoint({ url, allowInner: true, connections: 2, deadlineMs: 30_000, ...options });
  open.push(created);
  return created;
}
const post = async (url: string, options?: Parameters<typeof endpoint>[1]) => endpoint(url, options).post('{}', {});

test('posts the body with its headers to the path and the query of the URL', async () => {
  let asked = '';
  const { url, received } = await receiver((_one, response, request) => {
    asked = `${request.method} ${request.url}`;
    response.writeHead(200).end('fine');
  });
  const answer = await endpoint(`${url}?key=1`).post('[]', { 'webhook-id': 'x' });
  expect(answer).toEqual({ kind: 'delivered', status: 200, says: 'answered 200', excerpt: 'fine' });
  expect(asked).toBe('POST /hook?key=1');
  expect([received[0]?.body, received[0]?.headers.get('webhook-id')]).toEqual(['[]', 'x']);
});

test.each([
  [204, {}, { kind: 'delivered' }],
  [400, {}, { kind: 'refused', isContent: true }],
  [401, {}, { kind: 'refused', isContent: false }],
  [500, {}, { kind: 'refused', isContent: false }],
  [410, {}, { kind: 'gone' }],
  [429, { 'retry-after': '7' }, { kind: 'busy', retryAfterMs: 7000 }],
  [503, {}, { kind: 'busy', retryAfterMs: null }],
  [503, { 'retry-after': 'soon' }, { kind: 'busy', retryAfterMs: null }],
  [429, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, { kind: 'busy', retryAfterMs: 0 }],
])('the answer %i %o is %o', async (status, headers, expected) => {
  const { url } = await receiver(replyWith(status, headers));
  expect(await post(url)).toMatchObject({ status, ...expected });
});

test('a redirect is not followed, and says so', async () => {
  const elsewhere = await receiver(replyWith(200));
  const { url } = await receiver(replyWith(302, { location: elsewhere.url }));
  const answer = await post(url);
  expect(answer).toMatchObject({ kind: 'refused', status: 302 });
  expect(answer.says).toContain(`to ${elsewhere.url}: redirects are not followed`);
  expect(elsewhere.received).toEqual([]);
});

test('of an endless answer the beginning is read, and the connection is closed', async () => {
  let written = 0;
  let isClosed = false;
  const { url } = await receiver((_one, response) => {
    response.writeHead(200);
    response.on('close', () => {
      isClosed = true;
    });
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const write = () => {
      while (!isClosed && written < 1_000_000_000) {
        written += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', write);
      }
      response.end();
    };
    write();
  });
  const answer = await post(url);
  expect(answer).toMatchObject({ kind: 'delivered', excerpt: 'x'.repeat(4096) });
  await expect.poll(() => isClosed).toBe(true);
  expect(written).toBeLessThan(50_000_000); // what the sockets of this machine hold, of 1 GB
});

test('a status whose body never ends counts; the body is not waited for', async () => {
  const { url } = await receiver((_one, response) => void response.writeHead(200).write('begun'));
  expect(await post(url)).toMatchObject({ kind: 'delivered', excerpt: 'begun' });
});

test('no answer within the deadline, none at all, and an answer that is no HTTP each have their words', async () => {
  const silent = await receiver(() => undefined);
  expect(await post(silent.url, { deadlineMs: 700 })).toMatchObject({
    kind: 'unreachable',
    why: 'timeout',
    says: expect.stringMatching(/within 0.7 s/),
  });
  await silent.close();
  expect(await post(silent.url)).toMatchObject({
    kind: 'unreachable',
    why: 'network',
    says: expect.stringMatching(/ECONNREFUSED/),
  });
  const nonsense = createServer((socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n\r\n'));
  await new Promise<void>((resolve) => nonsense.listen(0, '127.0.0.1', resolve));
  open.push({ close: async () => void nonsense.close() });
  const address = nonsense.address();
  const port = typeof address === 'object' ? address?.port : 0;
  expect(await post(`http://127.0.0.1:${port}/`)).toMatchObject({ kind: 'unreachable', why: 'network' });
});

test('headers without end are cut off', async () => {
  const { url } = await receiver((_one, response) => void response.writeHead(200, { x: 'y'.repeat(60_000) }).end());
  expect(await post(url)).toMatchObject({ kind: 'unreachable', why: 'network' });
});

test('an inner address is refused before anything is connected: as itself, by name, and by a name that changes', async () => {
  const { url, port, received } = await receiver(replyWith(200));
  const outside = { allowInner: false };
  expect(await post(url, outside)).toMatchObject({
    kind: 'unreachable',
    why: 'inner',
    says: expect.stringMatching(/--allow-inner/),
  });
  expect(await post(`http://[::ffff:127.0.0.1]:${port}/`, outside)).toMatchObject({ why: 'inner' });
  expect(await post(`http://2130706433:${port}/`, outside)).toMatchObject({ why: 'inner' }); // 127.0.0.1 as one number
  const looked: string[] = [];
  const named = endpoint(`http://points.example:${port}/`, {
    ...outside,
    // The first look-up, when the URL was checked, had said something else.
    resolve: async (name) => {
      looked.push(name);
      return ['93.184.215.14', '127.0.0.1'];
    },
  });
  expect(await named.post('{}', {})).toMatchObject({
    why: 'inner',
    says: expect.stringMatching(/points.example is 127.0.0.1/),
  });
  expect(looked).toEqual(['points.example']);
  expect(received).toEqual([]);
});

test('a name that is allowed inside is connected to', async () => {
  const { port } = await receiver(replyWith(200));
  expect(await post(`http://localhost:${port}/`)).toMatchObject({ kind: 'delivered' });
});

test('a subscriber that hangs has at most its own connections', async () => {
  const held: ServerResponse[] = [];
  const slow = await receiver((_one, response) => void held.push(response));
  const hanging = endpoint(slow.url, { connections: 2 });
  const answers = Promise.all(Array.from({ length: 6 }, () => hanging.post('{}', {})));
  for (let round = 0; round < 3; round += 1) {
    await expect.poll(() => held.length).toBe(2);
    for (const response of held.splice(0)) response.end();
  }
  expect((await answers).map(({ kind }) => kind)).toEqual(Array(6).fill('delivered'));
  expect(slow.maxOpen()).toBe(2);
});
