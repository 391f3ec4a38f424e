import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type EdgeLine, edgeAppliedSchema, toEdgeSale } from '#contract/edge-stream.ts';
import { listen } from '#runtime/listen.ts';
import type { Logger } from '#runtime/logger.ts';
import type { SaleWatch } from './watch-sales.ts';

export type Agent = {
  /** The epochs that our nginx says it holds, by sale. */
  applied: () => Record<string, number>;
  connected: () => boolean;
  close: () => void;
};

/**
 * Streams the sales to our nginx over a unix socket: a snapshot for each connection, then changes, and a beat every
 * second. Until ZooKeeper was read once there is no snapshot: nginx then keeps what it has.
 */
export async function startAgent(options: {
  socketPath: string;
  sales: SaleWatch;
  logger: Logger;
  onApplied: () => void;
}): Promise<Agent> {
  const { socketPath, sales, logger, onApplied } = options;
  const following = new Set<Socket>();
  let applied: Record<string, number> = {};

  const send = (socket: Socket, line: EdgeLine) => socket.write(`${JSON.stringify(line)}\n`);
  const sendAll = (line: EdgeLine) => {
    const text = `${JSON.stringify(line)}\n`;
    for (const socket of following) socket.write(text);
  };

  sales.onChange((change) =>
    sendAll(
      change.kind === 'sale' ? { type: 'sale', sale: toEdgeSale(change.sale) } : { type: 'gone', id: change.saleId },
    ),
  );

  const server: Server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', (error) => logger.debug({ err: error }, 'edge stream'));
    socket.on('close', () => following.delete(socket));
    sales.onComplete(() => {
      if (socket.destroyed) return;
      send(socket, { type: 'snapshot', sales: sales.all().map(toEdgeSale) });
      following.add(socket);
    });
    const lines = createInterface({ input: socket });
    // It repeats what the socket's own listener has said; with nobody here a broken edge would end the gateway.
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      const result = edgeAppliedSchema.safeParse(parseJson(line));
      if (!result.success) {
        logger.warn({ line: line.slice(0, 200) }, 'the edge sent a line that is not understood');
        return;
      }
      applied = result.data.epochs;
      onApplied();
    });
  });
  await listen(server, `unix:${socketPath}`);
  const beat = setInterval(() => sendAll({ type: 'beat' }), 1000);
  beat.unref();

  return {
    applied: () => applied,
    connected: () => following.size > 0,
    close: () => {
      clearInterval(beat);
      for (const socket of following) socket.destroy();
      server.close();
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
