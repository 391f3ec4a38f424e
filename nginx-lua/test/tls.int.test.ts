import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemBody } from '#contract/problems.ts';
import { publicSaleSchema } from '#contract/sale.ts';
import { checkTicket } from '#contract/ticket.ts';
import { createChallenges } from '#gateway/tickets/challenge.ts';
import { signSession } from '#http/authenticate.ts';
import { makeCertificate } from '#lab/kits/certificate.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import { poll } from '#lab/poll.ts';
import { edgeOffice, saleOf, startEdge, type TestEdge, ticketFor, ticketKeys } from '#lab/servers/edge.ts';
import { startLinkedService } from '#lab/servers/linked-service.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';

let edge: TestEdge;
let ca: Buffer;
let port: number;
let session: ClientHttp2Session;

beforeAll(async () => {
  const { authority, ...files } = makeCertificate(temporaryDirectory('edge-tls'));
  ca = authority;
  edge = await startEdge({}, [], { tls: { serverName: 'shop.example', ...files } });
  port = edge.tlsPort;
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open'), saleOf('sold-out', { state: 'sold_out' })] });
  await mkdir(join(edge.pagesDir, 'sales'), { recursive: true });
  await writeFile(join(edge.pagesDir, 'sales/open.html'), 'the page');
  session = connectHttp2(`https://localhost:${port}`, {
    ca,
    lookup: (_, __, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
  });
});
afterAll(async () => {
  session?.close();
  await edge?.stop();
});

type Answer = { status: number; headers: Record<string, unknown>; text: string };

/** Over HTTP/2, all on one connection. */
async function ask(path: string, headers: Record<string, string> = {}, chunks: string[] = []): Promise<Answer> {
  const stream = session.request({ ':path': path, ...headers }, { endStream: chunks.length === 0 });
  for (const chunk of chunks) stream.write(chunk);
  if (chunks.length > 0) stream.end();
  const answered = new Promise<Record<string, unknown>>((resolve, reject) => {
    stream.on('response', resolve).on('error', reject);
  });
  let text = '';
  for await (const chunk of stream) text += chunk;
  const seen = await answered;
  return { status: Number(seen[':status']), headers: seen, text };
}

const post = (path: string, headers: Record<string, string>, ...chunks: string[]) =>
  ask(path, { ':method': 'POST', 'content-type': 'application/json', ...headers }, chunks);

function handshake(minVersion: SecureVersion, maxVersion: SecureVersion): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const options = { ca, minVersion, maxVersion, ALPNProtocols: ['h2', 'http/1.1'], ciphers: 'DEFAULT:@SECLEVEL=0' };
    const socket = connect({ host: '127.0.0.1', port, ...options }, () => resolve(socket));
    socket.on('error', reject);
  });
}

test.each<[SecureVersion]>([['TLSv1.2'], ['TLSv1.3']])('speaks %s, and HTTP/2 in it', async (version) => {
  const socket = await handshake(version, version);
  expect([socket.getProtocol(), socket.alpnProtocol]).toEqual([version, 'h2']);
  socket.destroy();
});

test.each<[SecureVersion]>([['TLSv1'], ['TLSv1.1']])('refuses %s', async (version) => {
  await expect(handshake(version, version)).rejects.toThrow(/alert|version/i);
});

describe('over HTTP/2', () => {
  test('pages and sales are served', async () => {
    expect(await ask('/sales/open')).toMatchObject({ status: 200, text: 'the page' });
    const sale = await ask('/api/sales/open');
    expect(publicSaleSchema.parse(JSON.parse(sale.text)).state).toBe('open');
  });

  test('cookies of 32 KB keep no shopper out, and end at the edge', async () => {
    const cookie = `shop=${'c'.repeat(32 * 1024 - 5)}`;
    expect(await ask('/sales/open', { cookie })).toMatchObject({ status: 200, text: 'the page' });
    await ask('/api/orders/x', { cookie });
    expect(edge.gateway.seen.at(-1)).toMatchObject({ url: '/api/orders/x' });
    expect(edge.gateway.seen.at(-1)?.headers).not.toHaveProperty('cookie');
  });

  test('leave room for a second long line, in each of the 16 streams that a connection has', async () => {
    const headers = { cookie: `shop=${'c'.repeat(32 * 1024 - 5)}`, authorization: `Bearer ${'x'.repeat(6900)}` };
    expect(session.remoteSettings.maxConcurrentStreams).toBe(16);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('/api/orders/x', headers)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });

  test('every answer says that this site is HTTPS', async () => {
    for (const path of ['/sales/open', '/api/sales/open', '/api/session', '/none'])
      expect((await ask(path)).headers).toMatchObject({ 'strict-transport-security': 'max-age=31536000' });
  });

  test('a sale comes out of the tiers behind memory too', async () => {
    edge.gateway.answer = ({ url }, response) => response.end(JSON.stringify(saleOf(url.split('/').at(-1) ?? '')));
    expect(JSON.parse((await ask('/api/sales/unlisted')).text)).toMatchObject({ saleId: 'unlisted' });
  });

  test('a purchase goes its way, and a refusal is the same as ever', async () => {
    const ticket = ticketFor('open');
    const body = '{"quantity":1}';
    const bought = await post('/api/sales/open/orders', { 'seckill-ticket': ticket, 'content-length': '14' }, body);
    expect(bought.status).toBe(202);
    expect(edge.service.seen.at(-1)).toMatchObject({ body, headers: { 'seckill-ticket': ticket } });
    const refused = await post('/api/sales/sold-out/orders', { 'seckill-ticket': ticket }, body);
    expect([refused.status, JSON.parse(refused.text)]).toEqual([410, problemBody('SOLD_OUT')]);
  });

  test('a body whose length is not told beforehand is as good', async () => {
    const parts = ['{"quan', 'tity"', ':1}'];
    const bought = await post('/api/sales/open/orders', { 'seckill-ticket': ticketFor('open') }, ...parts);
    expect(bought.status).toBe(202);
    expect(edge.service.seen.at(-1)?.body).toBe('{"quantity":1}');
    const large = await post('/api/sales/open/orders', { 'seckill-ticket': ticketFor('open') }, 'x'.repeat(2000));
    expect([large.status, JSON.parse(large.text)]).toEqual([413, problemBody('BODY_TOO_LARGE')]);
  });

  test('a purchase goes over a link too, its body told of beforehand or not', async () => {
    await edge.service.stop();
    const linked = await startLinkedService(join(edge.dir, 's.sock'));
    await poll('each worker has its link', () => linked.links.size === 2);
    const bodies = [['{"quantity":1}'], ['{"quan', 'tity":2}']];
    for (const body of bodies) {
      const bought = await post('/api/sales/open/orders', { 'seckill-ticket': ticketFor('open') }, ...body);
      expect(bought).toMatchObject({ status: 202, text: '{"place":1}', headers: { 'cache-control': 'no-store' } });
    }
    expect(linked.asked.map(({ body }) => body)).toEqual(bodies.map((body) => body.join('')));
    await linked.stop();
    await edge.restartService();
  });

  test('a ticket is given for an answer whose length is told, or not', async () => {
    await edge.agent.send({ type: 'office', office: edgeOffice });
    const { challengeSecret, sessionSecret } = edgeOffice;
    const sale = saleNode({ saleId: 'open', challenge: 'none' });
    const { challengeId } = createChallenges(challengeSecret).create(sale, 'ada', Date.now());
    const body = JSON.stringify({ challengeId, answer: '' });
    const authorization = `Bearer ${await signSession('ada', sessionSecret, Date.now())}`;
    for (const length of [{ 'content-length': String(body.length) }, {}]) {
      const given = await post('/api/sales/open/ticket', { authorization, ...length }, body.slice(0, 9), body.slice(9));
      expect(given).toMatchObject({ status: 201, headers: { 'cache-control': 'no-store' } });
      const { ticket } = JSON.parse(given.text) as { ticket: string };
      expect(checkTicket(ticket, ticketKeys, Date.now())).toMatchObject({ kind: 'valid', ticket: { userId: 'ada' } });
    }
  });

  test('bodies that dribble in, their length told or not, end after 2 s in all, and hold no place in flight', async () => {
    const served = edge.service.seen.length;
    const slow = [{ 'content-length': '80' }, {}].map(async (length) => {
      const ticket = ticketFor('open', { userId: `dribbler${Object.keys(length)}` });
      const headers = { 'content-type': 'application/json', 'seckill-ticket': ticket, ...length };
      const stream = session.request({ ':method': 'POST', ':path': '/api/sales/open/orders', ...headers });
      const dribbling = setInterval(() => stream.write(' '), 100);
      const [seen] = await once(stream, 'response').finally(() => clearInterval(dribbling));
      let text = '';
      for await (const chunk of stream) text += chunk;
      return [seen[':status'], JSON.parse(text)];
    });
    await post('/api/sales/open/orders', { 'seckill-ticket': ticketFor('open') }, '{"quantity":1}');
    await poll('no place to be held', async () => (await edge.metrics()).includes('seckill_edge_in_flight 0\n'));
    expect(await Promise.all(slow)).toEqual(slow.map(() => [400, problemBody('BAD_REQUEST')]));
    expect(edge.service.seen.length).toBe(served + 1);
  });
});

test('HTTP/1.1 over TLS is served as well', async () => {
  const status = await new Promise((resolve, reject) => {
    request(`https://127.0.0.1:${port}/sales/open`, { ca, agent: false }, (answer) =>
      resolve(answer.resume().statusCode),
    )
      .on('error', reject)
      .end();
  });
  expect(status).toBe(200);
});

test('plain HTTP is sent over to the name that was configured, whatever the client calls us', async () => {
  const answer = await fetch(`${edge.url}/sales/open?a=1`, { redirect: 'manual', headers: { host: 'evil.example' } });
  expect([answer.status, answer.headers.get('location')]).toEqual([308, 'https://shop.example/sales/open?a=1']);
});

test('plain HTTP on the TLS port is a problem like every other', async () => {
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  expect([answer.status, await answer.json()]).toEqual([400, problemBody('BAD_REQUEST')]);
  expect(answer.headers.get('server')).toBe('nginx');
});
