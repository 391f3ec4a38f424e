import { randomUUID } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { newOrderId } from '#contract/order.ts';
import { purchaseFrame, purchaseLink, readAnswers } from '#contract/purchase-frames.ts';
import { signTicket, type TicketKey } from '#contract/ticket.ts';
import { closeServer } from '#runtime/listen.ts';
import type { Logger } from '#runtime/logger.ts';
import { createDecide } from './decide.ts';
import { asksForLink, createLinks } from './link.ts';
import { createPurchaseListener } from './listener.ts';
import type { Purchase } from './purchase.ts';

/** Half a second of them: a choice, not an optimum. What they bring is measured by `npm run bench -- cold`. */
const purchases = 1500;
/** As many at once as make the batches of a crowd. */
const atOnce = 32;

/**
 * Lets a process meet its first crowd compiled: asks it for units of a sale that does not exist, over a link, with good tickets,
 * down to the script in stock Redis, which says SALE_UNKNOWN and writes nothing. It begins nothing after `withinMs`,
 * stock Redis there or not, and fails at nothing: a service that could not warm up is slower for half a second.
 */
export async function warmUp(deps: {
  purchase: Purchase;
  /** False until purchases reach stock Redis. */
  isOpen: () => boolean;
  ticketKeys: () => readonly TicketKey[];
  logger: Logger;
  withinMs?: number;
}): Promise<void> {
  const { purchase, isOpen, ticketKeys, logger, withinMs = 2000 } = deps;
  const saleId = `warm-up-${randomUUID()}`;
  const from = performance.now();
  // Beside the public address, and counted nowhere: these are no shoppers.
  const decide = createDecide({ purchase, logger, onAnswer: () => undefined });
  const server = createServer({ shouldUpgradeCallback: asksForLink }, createPurchaseListener(decide));
  createLinks(server, { decide, logger });
  let left = purchases;
  const isTime = () => performance.now() - from < withinMs;
  const crowd = () =>
    Array.from({ length: Math.min(left, atOnce) }, (_, number) => {
      left -= 1;
      const order = { orderId: newOrderId(saleId, Date.now()), userId: `warm-up-${left}` };
      const ticket = signTicket({ ...order, expiresAtMs: Date.now() + 60_000 }, ticketKeys());
      return purchaseFrame(number, { saleId, ticket, requestId: '', body: '{"quantity":1}' });
    });
  try {
    while (!isOpen() && isTime()) await wait(10);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const link = await openLink(port);
    try {
      while (left > 0 && isTime()) await ask(link, crowd());
    } finally {
      link.destroy();
    }
    logger.debug({ purchases: purchases - left, ms: Math.round(performance.now() - from) }, 'warm');
  } catch (error) {
    logger.warn({ err: error }, 'could not warm up: the first purchases take longer');
  } finally {
    await closeServer(server);
  }
}

/** A link as an edge has it. Rejects when it is none. */
function openLink(port: number): Promise<Socket> {
  const { path, protocol } = purchaseLink;
  return new Promise((resolve, reject) => {
    const asked = request({
      ...{ host: '127.0.0.1', port, path, headers: { Connection: 'Upgrade', Upgrade: protocol } },
    });
    asked.once('error', reject);
    asked.once('upgrade', (_response, socket) => resolve(socket.on('error', () => socket.destroy())));
    asked.once('response', ({ statusCode }) => reject(new Error(`no link, but ${statusCode}`)));
    asked.end();
  });
}

/** Sends these frames in one write, and resolves when each has its answer. */
function ask(link: Socket, frames: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (bytes: Buffer) => {
      text += bytes.toString('latin1');
      if (readAnswers(text).length === frames.length) end(resolve);
    };
    const closed = () => end(() => reject(new Error('the link ended')));
    const end = (settle: () => void) => {
      link.off('data', read);
      link.off('close', closed);
      settle();
    };
    link.on('data', read);
    link.once('close', closed);
    link.write(frames.join(''), 'latin1');
  });
}
