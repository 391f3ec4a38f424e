import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Where k6 asks, once it has made its virtual users, when it may begin: `open` does what is left to do and says from
 * when on (Unix ms). So a slow start of k6 shifts everything, and the sale still opens at its place in the script.
 * Later its buyers ask here for tickets, at `/tickets`: a line each, an empty answer when there is none.
 */
export async function startGate(
  open: () => Promise<number>,
  takeTickets: () => Promise<string[]>,
): Promise<{ url: string; close: () => void }> {
  // k6 holds its connections for the whole run: one that is closed under a question is a buyer without a ticket.
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    const answer = request.url === '/tickets' ? takeTickets().then((lines) => lines.join('\n')) : open().then(String);
    answer.then(
      (text) => response.end(text),
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
