import type { SaleNode } from '#contract/sale.ts';
import { counted } from '#runtime/counted.ts';
import { StockFault } from '#stock/fault.ts';
import type { Stock } from '#stock/stock.ts';
import { type StockSale, unitsGranted } from '#stock/stock-sale.ts';
import type { SaleWitness } from './catalogue.ts';
import type { Given } from './given-orders.ts';

/** What there is to compare of a sale. */
export type Evidence = {
  saleId: string;
  witness: SaleWitness | undefined;
  published: SaleNode | null;
  given: Given | undefined;
  sale: StockSale | null;
};

/**
 * older     its past is older than a witness knows; `epoch` is the highest that is known
 * settled   nothing of it is sold any more, or a rebuild decides: what was given out before is no evidence
 * sound     nothing speaks against it
 */
export type Verdict = { kind: 'older'; fault: string; epoch: number } | { kind: 'settled' } | { kind: 'sound' };

/** As long as PostgreSQL is asked for a sale that is over (Catalogue.witnesses). */
const lookedAtForMs = 86_400_000;

const settled: Verdict = { kind: 'settled' };
const sound: Verdict = { kind: 'sound' };

/**
 * Compares what stock Redis says of a sale with what its witnesses know. Books that cannot be read are in doubt too, with
 * the epoch `noted`: they must not keep the other sales waiting. A StockFault is thrown.
 */
export async function judgePast(
  stock: Pick<Stock, 'withoutReservation'>,
  evidence: Evidence | Error,
  noted: number,
): Promise<Verdict> {
  try {
    if (evidence instanceof Error) throw evidence;
    return await compare(stock, evidence);
  } catch (error) {
    if (error instanceof StockFault) throw error;
    return { kind: 'older', fault: `its books cannot be read: ${String(error)}`, epoch: noted };
  }
}

async function compare(stock: Pick<Stock, 'withoutReservation'>, evidence: Evidence): Promise<Verdict> {
  const { saleId, witness, published, given: mine, sale } = evidence;
  const known = Math.max(published?.epoch ?? 0, witness?.epoch ?? 0);
  if (sale === null) {
    // Edges that know it as paused for this already need no new epoch; what comes back is what a rebuild says.
    if (published?.state === 'paused' || published?.state === 'closed') return settled;
    return witness === undefined ? sound : { kind: 'older', fault: 'its stock is gone', epoch: known };
  }
  if (sale.state === 'paused' && sale.fault !== null) return settled; // a rebuild decides what is true now
  if (sale.state === 'closed' || sale.closesAtMs < Date.now() - lookedAtForMs) return settled; // nothing of it is sold
  const epoch = Math.max(known, sale.epoch);
  const older = (fault: string): Verdict => ({ kind: 'older', fault, epoch });
  if (sale.fault !== null) return older(sale.fault);
  if (sale.epoch < known) return older(`its epoch is ${sale.epoch}, but ${known} was published`);
  const granted = unitsGranted(sale);
  const place = Math.max(mine?.place ?? 0, witness?.place ?? 0);
  if (granted < place) return older(`it granted ${counted(granted, 'unit')}, but place ${place} was given`);
  const newest = new Set([...(witness?.newestOrders ?? []), ...(mine?.orders ?? [])]);
  const missing = await stock.withoutReservation(saleId, [...newest]);
  if (missing.length === 0) return sound;
  return older(`${missing.length} of its newest orders have no reservation, such as ${missing[0]}`);
}
