import type { SaleNode } from '#contract/sale.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { edgesInStep } from '#sales/edges.ts';
import { readServices } from '#sales/services.ts';
import type { Stock } from '#stock/stock.ts';
import { withCheckSale } from './check-sale-node.ts';
import { checkTicket, type TicketMeans } from './check-tickets.ts';
import { type AskedEdge, askEdge, type EdgeAnswer, problemCode, readEdgeSale } from './edge-answers.ts';
import { type Found, fail, pass, warn } from './finding.ts';
import type { ReachedEdge } from './reach-edges.ts';

const heardWithinMs = 1000;
/** As many services as one check tries through each edge. */
const maxTries = 8;

const status = 'seckill status';
const again = 'seckill sale check <saleId>   (again, in a moment)';
const noTicket = "SECKILL_SESSION_SECRET_FILE=<file>   (the gateways' own; or SECKILL_TICKET_KEYS_FILE)";
const sameKeys =
  'seckill keys show   (the same SECKILL_TICKET_KEYS_FILE for every gateway and service; ids alone may lie)';

/**
 * A purchase through the public address of every edge, with a ticket: by the filter chain and a service to stock Redis,
 * and back with the one answer that only its script can have given, as {@link withCheckSale} says. One try for each
 * service, over one connection: an edge takes its services in turn.
 */
export async function checkPurchasePath(deps: {
  zookeeper: ZooKeeper;
  stock: Stock;
  edges: readonly ReachedEdge[];
  tickets: TicketMeans;
}): Promise<Found[]> {
  const { zookeeper, edges, tickets } = deps;
  if (edges.length === 0) return []; // the checks of pages and edges say so
  if (tickets.sessionSecret === null && tickets.keys === null) {
    return [warn('nobody can be signed in from here, and no ticket signed: no purchase was tried', noTicket)];
  }
  const tries = Math.min(maxTries, Math.max(1, (await readServices(zookeeper)).length));
  return withCheckSale(deps, async (sale) => {
    await edgesInStep(zookeeper, sale.saleId, sale.epoch, heardWithinMs); // whoever is behind says so himself below
    const found = await Promise.all(edges.map((edge) => checkEdge(edge, sale, tries, tickets)));
    const trouble = found.filter((each) => each !== null);
    const times = tries === 1 ? '' : `, ${tries} times each`;
    return trouble.length > 0
      ? trouble
      : [pass(`through ${edges.map(({ name }) => name).join(', ')} to stock Redis and back${times}`)];
  });
}

async function checkEdge(
  reached: ReachedEdge,
  sale: SaleNode,
  tries: number,
  tickets: TicketMeans,
): Promise<Found | null> {
  const dispatcher = reached.onOneConnection();
  const edge = { ...reached, dispatcher };
  const { name } = edge;
  try {
    for (let nth = 0; nth < tries; nth += 1) {
      if (!(await isHeard(edge, sale))) return fail(`${name} did not hear of a new sale`, status);
      let got = await checkTicket(tickets, edge, sale.saleId);
      if (got === null) return null;
      let strange: Found | null = null;
      if (got.kind === 'refused') {
        strange = judgeOffice(got.answer);
        // The rest of the way is seen all the same, with this machine's key.
        const own = isUnauthenticated(got.answer)
          ? await checkTicket({ ...tickets, sessionSecret: null }, edge, sale.saleId)
          : null;
        if (own?.kind !== 'ticket') return strange;
        got = own;
      }
      const headers = { 'seckill-ticket': got.ticket };
      const path = `/api/sales/${sale.saleId}/orders`;
      const answer = await askEdge(edge, path, { headers, body: { quantity: 1 } });
      // The edge itself says SALE_UNKNOWN only of what it does not know, before or after.
      const found =
        judgePurchase(answer, got.from) ??
        ((await isHeard(edge, sale)) ? null : warn(`${name} forgot the sale meanwhile`, again));
      if (found !== null || strange !== null) return found ?? strange;
    }
    return null;
  } finally {
    await dispatcher.close();
  }
}

async function isHeard(edge: AskedEdge, sale: SaleNode): Promise<boolean> {
  const shown = await readEdgeSale(edge, sale.saleId).catch(() => null);
  return shown?.epoch === sale.epoch && shown.state === 'open';
}

function judgeOffice(answer: EdgeAnswer): Found {
  const code = problemCode(answer.text);
  const says = `${answer.says}${code === null ? '' : ` ${code}`} when asked for a ticket`;
  if (isUnauthenticated(answer)) return warn(`${says}: its gateway has another SECKILL_SESSION_SECRET`, noTicket);
  return isBusy(code) ? warn(says, again) : fail(says, status);
}

const isUnauthenticated = ({ text }: EdgeAnswer) => problemCode(text) === 'UNAUTHENTICATED';

/** Null for the answer of stock Redis. */
function judgePurchase(answer: EdgeAnswer, from: string): Found | null {
  const code = problemCode(answer.text);
  if (code === 'SALE_UNKNOWN') return null;
  const says = `a purchase with a ticket ${from}: ${answer.says}${code === null ? '' : ` ${code}`}`;
  if (isBusy(code)) return warn(says, again);
  if (code === 'TICKET_INVALID' || code === 'TICKET_EXPIRED')
    return fail(`${says}; it or a service has another key`, sameKeys);
  if (code === 'UNAVAILABLE') return fail(`${says}: no service behind it can decide`, status);
  return fail(says, status);
}

const isBusy = (code: string | null) => code === 'BUSY' || code === 'RATE_LIMITED';
