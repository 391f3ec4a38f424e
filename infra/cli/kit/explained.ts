import { type Redis, redisTrouble } from '#runtime/redis/connect.ts';
import { StockFault } from '#stock/fault.ts';

/** Errors of the driver that say that it waited, and not for what. */
const waited = /Command timed out|Reached the max retries|Connection is closed|took longer than/;

/** An error that only says that a Redis did not answer, with what is known to keep us from its primary; any other as it is. */
export function explained(error: unknown, { stock, queue }: { stock: Redis; queue: Redis }): unknown {
  const [ofStock, ofQueue] = [redisTrouble(stock), redisTrouble(queue)];
  if (error instanceof StockFault) {
    return ofStock === null ? error : new StockFault(error.kind, new Error(ofStock, { cause: error }));
  }
  if (!(error instanceof Error && waited.test(error.message))) return error;
  if (ofStock !== null) return new Error(`stock Redis: ${ofStock}`, { cause: error });
  return ofQueue === null ? error : new Error(`queue Redis: ${ofQueue}`, { cause: error });
}
