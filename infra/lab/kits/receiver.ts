import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseWebhookSecrets, verifyWebhook } from '#runtime/standard-webhooks.ts';

/** One request as it came: who signed it was checked against the receiver's secrets. */
export type Received = {
  headers: Headers;
  body: string;
  isGenuine: boolean;
  /** Events in the body, one or a batch. */
  events: { id: string; type: string; replay?: string; data: { orderId: string; version: number } }[];
};

export type Reply = (received: Received, response: ServerResponse, request: IncomingMessage) => void | Promise<void>;

export const replyWith =
  (status: number, headers: Record<string, string> = {}, body = ''): Reply =>
  (_received, response) =>
    void response.writeHead(status, headers).end(body);

/** A reply that comes when it is opened, to all who wait and from then on: what is asked for stands still until then. */
export function heldReply(): { reply: Reply; open: () => void } {
  let open = () => {};
  const isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  const reply: Reply = async (_received, response) => {
    await isOpen;
    response.writeHead(204).end();
  };
  return { reply, open };
}

/** A subscriber's server, for tests: a real one on a port of its own, that answers as it is told. */
export async function startReceiver(options: { secrets?: () => string; reply?: Reply } = {}) {
  const received: Received[] = [];
  let reply = options.reply ?? replyWith(204);
  let open = 0;
  let maxOpen = 0;
  const server = createServer(async (request, response) => {
    open += 1;
    maxOpen = Math.max(maxOpen, open);
    response.on('close', () => {
      open -= 1;
    });
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // the sender gave up
    }
    const body = Buffer.concat(chunks).toString();
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const secrets = options.secrets?.();
    const verdict =
      secrets === undefined
        ? null
        : verifyWebhook({ headers, body, nowMs: Date.now() }, parseWebhookSecrets(secrets)).kind;
    const parsed = JSON.parse(body === '' ? '[]' : body) as Received['events'] | Received['events'][number];
    const one: Received = { headers, body, isGenuine: verdict === 'genuine', events: [parsed].flat() };
    received.push(one);
    await reply(one, response, request);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the receiver has no port');
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    reply: (next: Reply) => {
      reply = next;
    },
    /** Event ids in the order in which they came, each as often as it came. */
    ids: () => received.flatMap(({ events }) => events.map(({ id }) => id)),
    maxOpen: () => maxOpen,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
export type Receiver = Awaited<ReturnType<typeof startReceiver>>;
