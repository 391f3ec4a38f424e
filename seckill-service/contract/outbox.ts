/**
 * Fields of one entry of `seckill:{<saleId>}:outbox`, a stream, by their names: one letter each, because a million entries
 * may wait there. The entry's id begins with the time, Redis' own. reserve.lua writes them, the relay reads them.
 */
export const outboxFields = { orderId: 'o', userId: 'u', quantity: 'q', place: 'p', origin: 'r' } as const;
