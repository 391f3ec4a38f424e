import { saleKeys } from '#contract/redis-keys.ts';
import { UnreadableTerm } from '#stock/fault.ts';

/** Of a sale whose books in stock Redis make no sense: what is wrong, and what mends it. */
export function unreadableText(saleId: string, error: Error): string {
  const first =
    error instanceof UnreadableTerm
      ? `HSET ${saleKeys(saleId).sale} ${error.field} <number> in stock Redis, as the sale's file has it (a time in Unix ms)`
      : `seckill sale pause ${saleId}`;
  return `${error.message}; the services pause it. mend: ${first}, then seckill stock rebuild ${saleId}`;
}
