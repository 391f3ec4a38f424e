import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { ProviderFault } from '../provider.ts';
import { createHttpProvider } from './http-provider.ts';

/** How a provider that answers so is told of. */
async function faultOf(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server's
  const provider = createHttpProvider({ url: `http://127.0.0.1:${port}`, apiKey: 'a key of the tests', secrets: [] });
  onTestFinished(async () => {
    await provider.close();
    server.closeAllConnections();
    server.close();
  });
  const fault: unknown = await provider
    .findPayment({ paymentId: 'pay-1', providerId: null })
    .catch((error: unknown) => error);
  if (!(fault instanceof ProviderFault)) throw new Error(`it is no fault: ${JSON.stringify(fault)}`);
  return `${fault.kind}, ${fault.retryAfterSeconds}: ${fault.message}`;
}

test('an answer of a provider is read up to 64 KiB: a longer one, or one without end, says nothing about the payment', async () => {
  const long = await faultOf((_, response) => response.end(JSON.stringify({ text: 'x'.repeat(70_000) })));
  expect(long).toMatch(/^unknown, null: .*exceeded/i);
  const endless = await faultOf((_, response) => {
    const more = () => {
      while (response.write('x'.repeat(16_384)));
    };
    response.on('drain', more);
    more();
  });
  expect(endless).toMatch(/^unknown, null: .*exceeded/i);
});

test('a redirect is not followed: the API key goes to no other address', async () => {
  const asked: (string | undefined)[] = [];
  const redirected = await faultOf(({ url, headers: { host } }, response) => {
    asked.push(url);
    response.writeHead(307, { location: `http://${host}/elsewhere` }).end('{}');
  });
  expect(redirected).toMatch(/^unknown, null: .*it answered 307/);
  expect(asked).toEqual([expect.not.stringContaining('elsewhere')]);
});

test.each([
  ['2', 2],
  ['0.4', 1],
  ['1e9', 3600],
  ['Infinity', 3600],
  ['-5', null],
  ['soon', null],
])('a provider that asks for %s s is waited for %s s', async (retryAfter, seconds) => {
  const busy = await faultOf((_, response) => response.writeHead(503, { 'retry-after': retryAfter }).end('{}'));
  expect(busy).toMatch(new RegExp(`^unavailable, ${seconds}: `));
});
