import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Where k6 asks, once it has made its virtual users, when it may begin: `open` does what is left to do and says from
 * when on (Unix ms). So a slow start of k6 shifts everything, and the sale still opens at its place in the script.
 */
export async function startGate(open: () => Promise<number>): Promise<{ url: string; close: () => void }> {
  const server = createServer((_request, response) => {
    open().then(
      (startAtMs) => response.end(String(startAtMs)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on an address, not on a pipe
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
