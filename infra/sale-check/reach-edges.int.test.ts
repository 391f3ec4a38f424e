import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { makeCertificate } from '#lab/kits/certificate.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { askEdge } from './edge-answers.ts';
import { type EdgePlaces, reachEdges } from './reach-edges.ts';

// Nothing listens where the public name leads: port 443 of this machine.
const { certificate, certificateKey, authority } = makeCertificate(temporaryDirectory('reach-edges'));
const server = createServer(
  { cert: readFileSync(certificate), key: readFileSync(certificateKey) },
  (request, answer) => {
    const { socket } = request;
    answer.end(`${request.headers.host} ${socket instanceof TLSSocket ? socket.servername : ''}`);
  },
);
let place: string;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  place = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

async function ask(places: Partial<EdgePlaces>) {
  const { edges, close } = reachEdges({ urls: ['https://localhost'], connect: null, authorities: null, ...places });
  onTestFinished(close);
  return Promise.all(edges.map((edge) => askEdge(edge, '/')));
}

test('an edge is asked at an inner place by its public name, in the request and in TLS', async () => {
  const answers = await ask({ connect: [place, place], authorities: String(authority) });
  expect(answers).toEqual(
    [0, 1].map(() => ({ status: 200, text: 'localhost localhost', says: expect.anything(), retryAfterMs: 0 })),
  );
  expect(answers[0]?.says).toBe(`https://localhost at ${place} answers 200`);
});

test('its certificate must be trusted, and be of that name', async () => {
  const [untrusted] = await ask({ connect: [place] });
  expect(untrusted).toMatchObject({
    status: null,
    says: expect.stringMatching(/at 127\.0\.0\.1:\d+ does not answer \(self-signed/),
  });
  const [another] = await ask({ urls: ['https://shop.example'], connect: [place], authorities: String(authority) });
  expect(another).toMatchObject({
    status: null,
    says: expect.stringContaining("does not match certificate's altnames"),
  });
});

test('without an inner place every edge is asked where its own URL leads', async () => {
  const urls = [`https://${place}`, 'https://localhost:1'];
  const [there, nowhere] = await ask({ urls, authorities: String(authority) });
  expect([there?.text.split(' ')[0], nowhere?.status]).toEqual([place, null]);
});
