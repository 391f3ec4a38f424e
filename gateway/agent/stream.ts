import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { EdgeOffice } from '#contract/edge-office.ts';
import { type EdgeApplied, type EdgeLine, type EdgeSale, edgeAnswerSchema, toEdgeSale } from '#contract/edge-stream.ts';
import type { SaleNode } from '#contract/sale.ts';
import { formatTicketKeys, type TicketKey } from '#contract/ticket.ts';
import type { Followed } from '#runtime/follow-setting.ts';
import { listen } from '#runtime/listen.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Folder } from '#runtime/zookeeper/folder.ts';
import { saleOfficeOf } from '../tickets/sale-office.ts';
import type { SettingsWatch } from './watch-settings.ts';

export type Agent = {
  /** What our nginx said last that it obeys; null before it spoke. */
  applied: () => EdgeApplied | null;
  /** Since when no nginx answers; null while one does. */
  silentSince: () => Date | null;
  /** Whether an nginx has got its snapshot and is still there. */
  connected: () => boolean;
  close: () => void;
};

const beatMs = 1000;
const silenceMs = 3000;

/**
 * Streams sales, settings, ticket keys and what the ticket office needs to our nginx over a unix socket: a snapshot for each connection, then changes,
 * and a beat every second, which nginx answers. Until ZooKeeper was read once there is no snapshot: nginx then keeps
 * what it has. An nginx that answers nothing for 3 s is hung up on; it gets a new snapshot when it is back.
 */
export async function startAgent(options: {
  socketPath: string;
  sales: Pick<Folder<SaleNode>, 'all' | 'onChange' | 'onComplete'>;
  settings: SettingsWatch;
  ticketKeys: Followed<readonly TicketKey[]>;
  office: Followed<EdgeOffice>;
  logger: Logger;
  /** Something of `applied` or `silentSince` is another now. */
  onNews: () => void;
}): Promise<Agent> {
  const { socketPath, sales, settings, ticketKeys, office, logger, onNews } = options;
  /** Who has its snapshot, and when it was heard last. During a reload of nginx there are two. */
  const following = new Map<Socket, number>();
  let applied: EdgeApplied | null = null;
  let heardAt = Date.now();
  let isSilent = true;

  const textOf = (line: EdgeLine) => `${JSON.stringify(line)}\n`;
  const sendAll = (line: EdgeLine) => {
    const text = textOf(line);
    for (const socket of following.keys()) socket.write(text);
  };
  const snapshot = (): EdgeLine => {
    const set = settings.get();
    const keys = formatTicketKeys(ticketKeys.get());
    const all = sales.all().map(toOwnSale);
    return {
      type: 'snapshot',
      sales: all,
      keys,
      office: office.get(),
      ...(set === undefined ? {} : { settings: set }),
    };
  };

  sales.onChange((saleId, sale) =>
    sendAll(sale === null ? { type: 'gone', id: saleId } : { type: 'sale', sale: toOwnSale(sale) }),
  );
  settings.onChange((changed) => sendAll({ type: 'settings', settings: changed }));
  ticketKeys.onChange((keys) => sendAll({ type: 'keys', keys: formatTicketKeys(keys) }));
  office.onChange((changed) => sendAll({ type: 'office', office: changed }));

  function hear(socket: Socket, line: string): void {
    const answer = edgeAnswerSchema.safeParse(parseJson(line));
    if (!answer.success) {
      logger.warn({ line: line.slice(0, 200) }, 'the edge sent a line that is not understood');
      return;
    }
    heardAt = Date.now();
    if (following.has(socket)) following.set(socket, heardAt);
    const wasSilent = isSilent;
    isSilent = false;
    if (answer.data.type === 'applied') {
      const { type: _, ...rest } = answer.data;
      applied = rest;
    }
    if (wasSilent || answer.data.type === 'applied') onNews();
  }

  function leave(socket: Socket): void {
    following.delete(socket);
    if (following.size > 0 || isSilent) return;
    isSilent = true;
    onNews();
  }

  const server: Server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', (error) => logger.debug({ err: error }, 'edge stream'));
    socket.on('close', () => leave(socket));
    sales.onComplete(() =>
      settings.onComplete(() => {
        if (socket.destroyed) return;
        socket.write(textOf(snapshot()));
        following.set(socket, Date.now());
      }),
    );
    const lines = createInterface({ input: socket });
    // It repeats what the socket's own listener has said; with nobody here a broken edge would end the gateway.
    lines.on('error', () => undefined);
    lines.on('line', (line) => hear(socket, line));
  });
  await listen(server, `unix:${socketPath}`);
  const beat = setInterval(() => {
    sendAll({ type: 'beat' });
    for (const [socket, lastHeardAt] of following) if (Date.now() - lastHeardAt > silenceMs) socket.destroy();
  }, beatMs);
  beat.unref();

  return {
    applied: () => applied,
    connected: () => following.size > 0,
    silentSince: () => (isSilent ? new Date(heardAt) : null),
    close: () => {
      clearInterval(beat);
      for (const socket of following.keys()) socket.destroy();
      server.close();
    },
  };
}

/** With what only our own nginx is told. */
const toOwnSale = (sale: SaleNode): EdgeSale => ({ ...toEdgeSale(sale), office: saleOfficeOf(sale) });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
