import { moneyText } from '#contract/money-text.ts';
import type { OrderDetails } from '#contract/order-details.ts';
import type { DossierPayment, OrderDossier } from '#order-worker/orders/order-dossier.ts';
import { counted } from '#runtime/counted.ts';
import { table } from '../../text/table.ts';

/** What somebody should know about an order that does not stand in any one place. `nowMs` is Unix ms. */
export function remarksOn(dossier: OrderDossier, nowMs: number): string[] {
  const { orderId, order, reservation, shown, jobs, timer, untold, refunds, away } = dossier;
  const remarks = away.map((store) => `did not answer, ${store}: what it holds is missing here`);
  const jobIn = (queue: string) => jobs.find((job) => job.queue === queue);
  const isHeard = (part: string) => !away.some((store) => store.startsWith(part));
  const failed = jobs.filter(({ state }) => state === 'failed');
  const deadLetters = failed.filter(({ chunk }) => chunk === null).map(({ queue }) => queue);
  if (deadLetters.length > 0)
    remarks.push(`given up on in ${deadLetters.join(', ')}: see "seckill dlq show ${orderId}"`);
  if (failed.some(({ chunk }) => chunk !== null))
    remarks.push(
      'an order-worker of an earlier version gave up on its chunk: one of this version tries it again by itself',
    );
  if (order === null && reservation?.state === 'held' && isHeard('queue') && jobIn('orders') === undefined)
    remarks.push('no job has it: it is in the outbox of its sale, or the sweeper will enqueue it within 20 s');
  if (order === null && reservation?.state === 'committed' && isHeard('PostgreSQL') && jobIn('orders') === undefined)
    remarks.push(`the database has forgotten it (I3): see "seckill orders rebuild ${dossier.saleId} --dry-run"`);
  const isOverdue = order?.state === 'awaiting_payment' && Date.parse(order.payBy) < nowMs;
  const isTimed = timer !== null || jobIn('order-expiry') !== undefined;
  if (timer?.state === 'failed')
    remarks.push(`its timer was given up on, the sweep expires it: see "seckill dlq show ${timer.id}"`);
  if (isOverdue && !isTimed) remarks.push('overdue, and no timer: the sweep will expire it');
  if (order?.state === 'awaiting_payment' && !isOverdue && isHeard('queue') && !isTimed)
    remarks.push('no timer yet: it follows within seconds, else the sweep expires it when it is overdue');
  if (order !== null && reservation === null && isHeard('stock'))
    remarks.push(`a row without a reservation (I4): see "seckill audit ${dossier.saleId}"`);
  if (untold.some(({ consumer }) => consumer === 'stock'))
    remarks.push('stock Redis has not been told of its last change: its unit and its picture follow');
  if (order !== null && shown !== null && shown.version < order.version)
    remarks.push(`its shopper still sees version ${shown.version} of ${order.version}`);
  for (const { id, state, lastError } of refunds)
    if (state === 'pending') remarks.push(`refund ${id} is under way${lastError === null ? '' : `: ${lastError}`}`);
    else if (lastError !== null)
      remarks.push(`refund ${id} was through, and ${lastError}: give the money back by hand`);
  return remarks;
}

/** A dossier as people read it: what it is, what happened and when, who has it now. */
export function orderText(dossier: OrderDossier, nowMs: number, width: number | null): string {
  const { orderId, saleId, order, reservation, ahead, events, payments, refunds, untold, jobs, timer } = dossier;
  const { details } = dossier;
  const price = order === null ? '' : `, ${moneyText(order)}`;
  const state = order?.state ?? (reservation?.state === 'held' ? 'queued' : 'not stored');
  const owner = order?.userId ?? reservation?.userId ?? 'unknown';
  const units = order?.quantity ?? reservation?.units ?? 0;
  const history: [string, string, string][] = [];
  if (reservation !== null)
    history.push([new Date(reservation.acceptedAt).toISOString(), 'accepted', `place ${reservation.place}`]);
  for (const { at, type, version, data } of events)
    history.push([at, type, [`version ${version}`, ...detailsOf(data)].join(', ')]);
  for (const payment of payments)
    history.push([
      payment.at,
      `payment ${payment.state}`,
      [payment.id, ...takenBy(payment), payment.reason].filter(Boolean).join(', '),
    ]);
  for (const refund of refunds) history.push([refund.at, `refund ${refund.state}`, `${refund.id}, ${refund.reason}`]);
  const remarks = remarksOn(dossier, nowMs);
  return [
    `${orderId}: ${state}${order === null ? '' : ` (version ${order.version})`}`,
    `  sale ${saleId}, user ${owner}, ${counted(units, 'unit')}${price}`,
    ...(order?.state === 'awaiting_payment' ? [`  to be paid by ${order.payBy}`] : []),
    ...(details === null
      ? []
      : [`  contact and address given ${details.givenAt}, erased ${details.eraseAt}: see them by --personal`]),
    ...(reservation === null ? [] : [`  reservation ${reservation.state}, place ${reservation.place}`]),
    ...(ahead === null ? [] : [`  ${counted(ahead, 'unit')} in line before it`]),
    ...jobs.map(({ queue, state: jobState, dueAt, tries, reason, chunk }) =>
      [
        `  job in ${queue}: ${jobState}`,
        chunk !== null &&
          `a chunk of ${counted(chunk.orders, 'order')} with ${counted(chunk.jobsAhead, 'job')} before it`,
        dueAt && `due ${dueAt}`,
        tries > 0 && counted(tries, 'try', 'tries'),
        reason,
      ]
        .filter(Boolean)
        .join(', '),
    ),
    ...(timer === null
      ? []
      : [`  timer ${timer.id}: ${[timer.state, timer.dueAt && `due ${timer.dueAt}`].filter(Boolean).join(', ')}`]),
    ...untold.map(({ consumer, version }) => `  ${consumer} has yet to hear of version ${version}`),
    ...remarks.map((remark) => `  ! ${remark}`),
    table(
      ['AT', 'WHAT', ''],
      history.sort(([a], [b]) => a.localeCompare(b)),
      width,
    ),
  ].join('\n');
}

/** Contact and address as people read them; null: there are none, or none any more. */
export function personalText(personal: OrderDetails | null): string {
  if (personal === null) return 'contact and address: none are kept';
  const { name, email, phone, address } = personal;
  const place = [address?.postalCode, address?.city].filter(Boolean).join(' ');
  const rows = [
    ['name', name],
    ['email', email],
    ['phone', phone],
    ['address', address && [...address.lines, place, address.region, address.country].filter(Boolean).join(', ')],
  ];
  const given = rows.flatMap(([what, value]) => (value === undefined ? [] : [`  ${what?.padEnd(8)} ${value}`]));
  return ['contact and address:', ...given].join('\n');
}

/** Who took the money, where it was not the payment provider, and by which payment of its own. */
const takenBy = ({ takenBy: by, providerId }: DossierPayment) =>
  by === 'shop' ? ['taken by the shop', providerId] : [];

/** Of an event's data, what the row itself does not say. */
function detailsOf(data: Record<string, unknown>): string[] {
  const own = new Set(['id', 'sale_id', 'user_id', 'quantity', 'place', 'amount', 'currency', 'pay_by', 'version']);
  return Object.entries(data).flatMap(([name, value]) => (own.has(name) ? [] : [`${name} ${String(value)}`]));
}
