import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { listen } from './listen.ts';
import type { Registry } from './metrics.ts';

/** Named checks of what this process needs; each resolves to a word of trouble, or null when it is well. */
export type ReadyChecks = Record<string, () => Promise<string | null> | string | null>;

/** What a process shows on its inner address beside the three; `paths` are named to whoever asks for something else. */
export type InnerPages = { paths: readonly string[]; fetch: Parameters<typeof getRequestListener>[0] };

/**
 * `/healthz` (the process lives), `/readyz` (it can do its work; names what is missing), `/metrics` (Prometheus), on an
 * address that the edge does not expose.
 */
export async function startInnerServer(options: {
  /** Made by the caller when it shall be closed late, so that it can be asked until then. */
  server?: Server;
  address: string;
  registry: Registry;
  ready: ReadyChecks;
  pages?: InnerPages;
}): Promise<Server> {
  const { server = createServer(), address, registry, ready, pages } = options;
  const known = ['/healthz', '/readyz', '/metrics', ...(pages?.paths ?? [])];
  const showPage = pages === undefined ? null : getRequestListener(pages.fetch);
  server.on('request', async (request, response) => {
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
      } else if (showPage !== null && pages?.paths.some((at) => path === at || path?.startsWith(`${at}/`))) {
        await showPage(request, response);
      } else {
        response.statusCode = 404;
        response.end(`not found: ${known.join(', ')}\n`);
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
