import { chmod, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { Server as NetServer } from 'node:net';

/** Where a server listens, as Node's `listen` wants it. `address` is `host:port` or `unix:/path`. */
export function listenOptions(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/**
 * Listens and resolves when the server accepts. A socket file that a killed predecessor left is removed first, and the
 * new one is open to every local user: the directory it lies in says who may come, and nginx has a user of its own.
 */
export async function listen(server: NetServer, address: string): Promise<void> {
  const options = listenOptions(address);
  if ('path' in options) await rm(options.path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...options, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  if ('path' in options) await chmod(options.path, 0o666);
}

/** As {@link listen}, for what nginx asks: it keeps idle connections, and must never meet one that is just closing. */
export async function listenForNginx(server: Server, address: string): Promise<void> {
  server.keepAliveTimeout = 75_000; // longer than nginx keeps its idle connections
  await listen(server, address);
}

/**
 * Stops accepting and resolves when the last request is answered; idle connections are closed at once. A server that
 * does not listen yet is closed as soon as it does.
 */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) {
    server.once('listening', () => server.close());
    return;
  }
  await new Promise<void>((resolve, reject) => {
    // nginx would go on asking over its kept connections: each answer from now on ends its own.
    server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'));
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeIdleConnections();
  });
}

/** Stops accepting and does not wait: for a server whose last answers are not needed. */
export function stopListening(server: NetServer): void {
  if (!server.listening) server.once('listening', () => server.close());
  server.close();
}
