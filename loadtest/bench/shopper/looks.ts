import type { Ask } from './connection.ts';
import { askAll, closeAll, type Edge, openAll } from './crowd.ts';
import type { Meter } from './meter.ts';
import { saleIdOf } from './sales.ts';
import { bearer, type Shopper } from './way.ts';

const saleId = saleIdOf('sum');

/** The files that the sale's page has its browser load. */
export async function assetsOfPage({ url }: Edge): Promise<string[]> {
  const page = await (await fetch(new URL(`/sales/${saleId}`, url))).text();
  const assets = [...new Set(page.match(/(?<=(?:src|href)=")\/assets\/[^"]+/g) ?? [])];
  if (assets.length === 0) throw new Error(`the page of ${saleId} names no assets: ${page.slice(0, 300)}`);
  return assets;
}

/**
 * What costs the same on every way: a connection, opened and closed, the page and its assets, the sale, the demo
 * sign-in, and one look at one of `orders`.
 */
export async function lookAround(
  edge: Edge,
  meter: Meter,
  count: number,
  assets: readonly string[],
  orders: readonly { shopper: Shopper; orderId: string }[],
): Promise<void> {
  const connections = await meter.book('connection', count, () => openAll(edge, count));
  const ask = (step: string, status: number, of: (nth: number) => Ask) =>
    askAll(
      ...([edge, meter, step, status] as const),
      connections.map((connection, nth) => ({ connection, ask: of(nth) })),
    );
  await ask('page', 200, () => ({ method: 'GET', path: `/sales/${saleId}` }));
  for (const path of assets) await ask('assets', 200, () => ({ method: 'GET', path }));
  await ask('sale', 200, () => ({ method: 'GET', path: `/api/sales/${saleId}` }));
  await ask('signIn', 201, () => ({ method: 'POST', path: '/api/session' }));
  await ask('order', 200, (nth) => {
    const order = orders[nth % orders.length];
    if (order === undefined) throw new Error('there is no order to look at');
    return { method: 'GET', path: `/api/orders/${order.orderId}`, headers: bearer(order.shopper) };
  });
  await meter.book('connection', count, () => closeAll(edge, connections));
}
