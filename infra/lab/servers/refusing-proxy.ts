import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `503`, with Retry-After 0: the edge is too busy. `cut`: the connection is reset. null: the server itself answers. */
export type Refusal = '503' | 'cut' | null;

/**
 * An address before `to` that refuses what a test tells it to: `refusal` is asked for each request, by its method, its
 * path and how often the same was asked before by the same sign-in.
 */
export async function startRefusingProxy(
  to: string,
  refusal: (asked: { method: string; path: string; before: number }) => Refusal,
): Promise<{ url: string; close: () => Promise<void> }> {
  const counts = new Map<string, number>();
  const target = new URL(to);
  const server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming;
    const key = `${method} ${path} ${headers.authorization ?? headers['seckill-ticket'] ?? ''}`;
    const before = counts.get(key) ?? 0;
    counts.set(key, before + 1);
    const refused = refusal({ method, path, before });
    if (refused === 'cut') return void incoming.socket.resetAndDestroy();
    if (refused === '503') {
      outgoing.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '0' });
      return void outgoing.end(JSON.stringify({ status: 503, code: 'BUSY' }));
    }
    const options = { host: target.hostname, port: target.port, method, path, headers };
    const onward = request(options, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
