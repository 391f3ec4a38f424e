import type { LostOrders, Outdated, Tally } from '#order-worker/audit/lost-orders.ts';
import { counted } from '#runtime/counted.ts';

/** What a look found, a line each; what there is none of has no line. */
export function lostOrdersText(found: LostOrders): string[] {
  const { saleId, reservations, lost, lostPaid, onTheirWay, deadLetters, ended, behind, wentBack, unreserved } = found;
  return [
    `${saleId}: ${counted(reservations, 'reservation')}, ${lost.orders} of them without a row, a job or an entry in the outbox`,
    ...line('lost', lost, counted(lost.units, 'unit')),
    ...outdated('of these PAID', lostPaid, 'their payments are lost too: ask the provider'),
    ...(onTheirWay === 0 ? [] : [`  on their way  ${onTheirWay}: the outbox or the queue has them`]),
    ...line('dead letters', deadLetters, 'mend what they say, then seckill dlq retry --all --queue orders'),
    ...line('ended', ended, 'their units went back before; they stay without a row'),
    ...outdated('rows GONE BACK', behind, 'older than what their shoppers were shown'),
    ...line('units gone back', wentBack, 'the database still counts their units until they expire'),
    ...line('without a reservation', unreserved, `rows that stock Redis has lost: seckill stock rebuild ${saleId}`),
  ];
}

/** What it did, and what comes next. */
export function rebuiltOrdersText(done: LostOrders): string {
  const { saleId, lost } = done;
  const rest = lostOrdersText(done).slice(lost.orders === 0 ? 1 : 2);
  const next = lost.orders === 0 ? `seckill audit ${saleId}` : `seckill drain show, then seckill audit ${saleId}`;
  return [
    lost.orders === 0
      ? `${saleId}: no order is lost; nothing was put back`
      : `${saleId}: ${counted(lost.orders, 'order')} (${counted(lost.units, 'unit')}) back on the queue`,
    ...rest,
    needsPerson(done)
      ? 'what is named above needs a person: docs/runbook.md, "A database that is older than its promise"'
      : `next: ${next}`,
  ].join('\n');
}

/** Whether something is left that no command puts right by itself. */
export function needsPerson(found: Pick<LostOrders, 'lostPaid' | 'deadLetters' | 'behind' | 'unreserved'>): boolean {
  const { lostPaid, deadLetters, behind, unreserved } = found;
  return lostPaid.length + behind.length + deadLetters.orders + unreserved.orders > 0;
}

function line(name: string, { orders, such }: Tally, says: string): string[] {
  return orders === 0 ? [] : [`  ${name}  ${counted(orders, 'order')}, such as ${such[0]}: ${says}`];
}

function outdated(name: string, orders: readonly Outdated[], says: string): string[] {
  const [first] = orders;
  if (first === undefined) return [];
  const { orderId, row, shown } = first;
  const was = row === null ? `shown as ${shown}` : `${row} in the database, shown as ${shown}`;
  return [`  ${name}  ${counted(orders.length, 'order')}, such as ${orderId} (${was}): ${says}`];
}
