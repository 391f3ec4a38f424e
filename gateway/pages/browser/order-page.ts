import type { OrderView } from '#contract/order.ts';
import type { PublicSale } from '#contract/sale.ts';
import { backoffMs } from './backoff.ts';
import { formatCountdown } from './countdown.ts';
import { formatMoney } from './money.ts';
import { byTestId, everySecond, type Page, repeat, setText } from './page.ts';
import { orderAdvice, orderLabels, problemSentences } from './words.ts';

const steps: Partial<Record<OrderView['state'], number>> = {
  queued: 1,
  awaiting_payment: 2,
  paid: 3,
  refunding: 3,
  refunded: 3,
};
const final = new Set<OrderView['state']>(['expired', 'cancelled', 'refunded', 'failed']);
const plural = new Intl.PluralRules('en');

function aheadSentence(ahead: number): string {
  if (ahead <= 0) return 'You are next.';
  return `${ahead.toLocaleString('en')} ${plural.select(ahead) === 'one' ? 'unit is' : 'units are'} being written before yours.`;
}

export function startOrderPage(page: Page, root: HTMLElement): void {
  const orderId = decodeURIComponent(location.pathname.split('/').pop() ?? '');
  const path = `/api/orders/${encodeURIComponent(orderId)}`;
  let view: OrderView | null = null;
  let polls = 0;
  let failures = 0;

  function paint(): void {
    if (view === null) return;
    const { state } = view;
    root.dataset.state = state;
    byTestId('order-state').dataset.state = state;
    setText(byTestId('order-state'), orderLabels[state]);
    setText(byTestId('advice'), orderAdvice[state]);
    setText(byTestId('place'), view.place.toLocaleString('en'));
    setText(byTestId('ahead'), state === 'queued' ? aheadSentence(view.ahead) : '');
    setText(byTestId('quantity'), String(view.quantity));
    setText(byTestId('amount'), view.amount === null ? '–' : formatMoney(view.amount));
    byTestId('steps').dataset.step = String(steps[state] ?? 0);
    for (const [index, item] of [...byTestId('steps').children].entries()) {
      if (index + 1 === steps[state]) item.setAttribute('aria-current', 'step');
      else item.removeAttribute('aria-current');
    }
    const isDue = state === 'awaiting_payment' && view.payBy !== null;
    byTestId('pay-by').hidden = !isDue;
    if (!isDue || view.payBy === null) return;
    const payBy = new Date(view.payBy);
    setText(byTestId('countdown'), formatCountdown(payBy.getTime() - page.clock.now()));
    const clock = new Intl.DateTimeFormat('en', { timeStyle: 'medium' }).format(payBy);
    setText(byTestId('pay-by-time'), `Awaiting payment until ${clock}`);
  }

  async function learnSale(saleId: string): Promise<void> {
    const sentMs = performance.now();
    const reply = await page.call<PublicSale>('GET', `/api/sales/${saleId}`);
    if (reply.kind !== 'ok') return;
    page.clock.learn(reply.body.now, sentMs, performance.now());
    setText(byTestId('title'), reply.body.title);
    byTestId<HTMLAnchorElement>('sale-link').href = `/sales/${saleId}`;
    paint();
  }

  function waitMs({ state }: OrderView): number | null {
    if (final.has(state)) return null;
    const calm = state === 'queued' ? Math.min(5000, 800 + polls * 40) : 3000;
    return (state === 'paid' ? 20_000 : calm) * (0.8 + Math.random() * 0.4);
  }

  setText(byTestId('order-id'), orderId);
  if (!page.session.isSignedIn()) {
    setText(byTestId('order-state'), 'Not your browser?');
    setText(
      byTestId('advice'),
      'Open this page in the browser in which you bought: an order is shown only to its owner.',
    );
    return;
  }
  repeat(async () => {
    const reply = await page.session.call<OrderView>('GET', path);
    polls += 1;
    setText(byTestId('message'), '');
    if (reply.kind === 'ok') {
      failures = 0;
      const isFirst = view === null;
      view = reply.body;
      if (isFirst) void learnSale(view.saleId);
      paint();
      return waitMs(view);
    }
    failures += 1;
    if (reply.kind === 'refused' && reply.status < 500 && reply.status !== 429) {
      // Right after the purchase a look may come too early; a real no stays one.
      if (failures < 4) return backoffMs(failures, reply.retryAfterMs, Math.random);
      setText(byTestId('order-state'), 'No order here');
      setText(byTestId('advice'), problemSentences[reply.code]);
      return null;
    }
    if (failures > 1) setText(byTestId('message'), 'The line is busy. Your order is safe; this page keeps trying.');
    return backoffMs(failures, reply.retryAfterMs, Math.random);
  });
  everySecond(page.clock.now, paint);
}
