import { createServer } from 'node:net';

const given = new Set<number>();

/**
 * A port that is free now and was not given before, below the range from which the kernel takes ports for outgoing
 * connections. Another process may take it before its server does: nginx.ts starts again then.
 */
export async function freePort(): Promise<number> {
  const port = 20_000 + Math.floor(Math.random() * 12_000);
  if (given.has(port)) return freePort();
  const probe = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!isFree) return freePort();
  given.add(port);
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
