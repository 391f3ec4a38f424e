import { createServer, type Server } from 'node:http';
import { listen } from './listen.ts';
import type { Registry } from './metrics.ts';

/** Named checks of what this process needs; each resolves to a word of trouble, or null when it is well. */
export type ReadyChecks = Record<string, () => Promise<string | null> | string | null>;

/**
 * `/healthz` (the process lives), `/readyz` (it can do its work; names what is missing), `/metrics` (Prometheus), on an
 * address that the edge does not expose.
 */
export async function startInnerServer(options: {
  address: string;
  registry: Registry;
  ready: ReadyChecks;
}): Promise<Server> {
  const { address, registry, ready } = options;
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?')[0];
    try {
      if (path === '/healthz') {
        response.end('ok\n');
      } else if (path === '/readyz') {
        const missing = await failing(ready);
        response.statusCode = missing.length === 0 ? 200 : 503;
        response.end(missing.length === 0 ? 'ready\n' : `${missing.join('\n')}\n`);
      } else if (path === '/metrics') {
        response.setHeader('Content-Type', registry.contentType);
        response.end(await registry.metrics());
      } else {
        response.statusCode = 404;
        response.end('not found: /healthz, /readyz, /metrics\n');
      }
    } catch (error) {
      response.statusCode = 500;
      response.end(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  });
  await listen(server, address);
  return server;
}

async function failing(ready: ReadyChecks): Promise<string[]> {
  const words = await Promise.all(
    Object.entries(ready).map(async ([name, check]) => {
      const word = await check();
      return word === null ? null : `${name}: ${word}`;
    }),
  );
  return words.filter((word) => word !== null);
}
