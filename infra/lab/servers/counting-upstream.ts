import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { purchaseLink } from '#contract/purchase-frames.ts';

export type Seen = { method: string; url: string; headers: IncomingMessage['headers']; body: string };
export type Answer = (seen: Seen, response: ServerResponse) => void;
export type CountingUpstream = {
  /** Every request that reached it, in order. */
  seen: Seen[];
  /** How it answers from now on. */
  answer: Answer;
  stop(): Promise<void>;
};

/** An upstream on a unix socket that remembers what reached it. */
export async function startCountingUpstream(path: string, answer: Answer): Promise<CountingUpstream> {
  // It never ends an idle connection: nginx does that first, unless the machine stands still.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    // An edge looks for a link to each service: this is one of the version before.
    if (request.url === purchaseLink.path) return void response.writeHead(404).end();
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const seen = { method, url, headers, body: Buffer.concat(chunks).toString() };
      upstream.seen.push(seen);
      upstream.answer(seen, response);
    });
  });
  const upstream: CountingUpstream = {
    seen: [],
    answer,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return upstream;
}
