import { randomUUID } from 'node:crypto';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { newOrderId } from '#contract/order.ts';
import { signTicket, type TicketKey } from '#contract/ticket.ts';
import { closeServer } from '#runtime/listen.ts';
import type { Logger } from '#runtime/logger.ts';
import { createDecide } from './decide.ts';
import { createPurchaseListener } from './listener.ts';
import type { Purchase } from './purchase.ts';

/** Half a second of them: a choice, not an optimum. What they bring is measured by `npm run bench -- cold`. */
const purchases = 1500;
/** As many at once as make the batches of a crowd. */
const connections = 32;

/**
 * Lets a process meet its first crowd compiled: asks it for units of a sale that nobody has, over HTTP, with good tickets,
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
  const server = createServer(createPurchaseListener(createDecide({ purchase, logger, onAnswer: () => undefined })));
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let left = purchases;
  const isTime = () => performance.now() - from < withinMs;
  try {
    while (!isOpen() && isTime()) await wait(10);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const shopper = async () => {
      while (left > 0 && isTime()) {
        left -= 1;
        const order = { orderId: newOrderId(saleId, Date.now()), userId: `warm-up-${left}` };
        const ticket = signTicket({ ...order, expiresAtMs: Date.now() + 60_000 }, ticketKeys());
        await ask(agent, port, saleId, ticket);
      }
    };
    await Promise.all(Array.from({ length: connections }, shopper));
    logger.debug({ purchases: purchases - left, ms: Math.round(performance.now() - from) }, 'warm');
  } catch (error) {
    logger.warn({ err: error }, 'could not warm up: the first purchases take longer');
  } finally {
    agent.destroy();
    await closeServer(server);
  }
}

function ask(agent: Agent, port: number, saleId: string, ticket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({
      ...{ agent, host: '127.0.0.1', port, method: 'POST', path: `/api/sales/${saleId}/orders` },
      headers: { 'Content-Type': 'application/json', 'Seckill-Ticket': ticket },
    });
    asked.once('error', reject);
    asked.once('response', (response) => response.resume().once('end', resolve).once('error', reject));
    asked.end('{"quantity":1}');
  });
}
