import { faultOf } from './fault.ts';
import { replies } from './replies.ts';
import { type StockSale, toStockSale } from './stock-sale.ts';

/** From the reply of `read-sale.lua`; throws what stands in its place. */
export function toSale(reply: unknown): StockSale | null {
  if (reply instanceof Error) throw faultOf(reply);
  const [code, free, ...fields] = list(reply);
  return code === replies['read-sale'].FOUND ? toStockSale(free, fields) : null;
}

/** The error in place of what cannot be had. */
export function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** What every script answers with; anything else is a script of another version. */
export function list(reply: unknown): unknown[] {
  if (!Array.isArray(reply)) throw new Error(`a stock script returned ${JSON.stringify(reply)}`);
  return reply;
}

/** A hash as a script returns it: field, value, field, value, … */
export function pairs<T>(flat: unknown, read: (value: string) => T): Map<string, T> {
  const fields = list(flat).map(String);
  const map = new Map<string, T>();
  for (let index = 0; index + 1 < fields.length; index += 2)
    map.set(fields[index] ?? '', read(fields[index + 1] ?? ''));
  return map;
}
