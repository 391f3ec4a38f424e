import type { OrderView } from '#contract/order.ts';
import type { PublicSale } from '#contract/sale.ts';
import { inLanguage } from '../words/in-language.ts';
import { backoffMs } from './backoff.ts';
import { formatCountdown } from './countdown.ts';
import { createDetailsDoor } from './details-door.ts';
import { createLink } from './link.ts';
import { formatMoney } from './money.ts';
import { createOrderActions } from './order-actions.ts';
import { lineText, paintSteps } from './order-steps.ts';
import { followOrder } from './order-stream.ts';
import { byTestId, everySecond, type Page, repeat, setText } from './page.ts';
import { paintSignIn } from './paint-sign-in.ts';
import { paintReceipt } from './receipt-door.ts';

/** Ends after which money that comes still goes back. */
const lateEnds = new Set<OrderView['state']>(['expired', 'cancelled']);
const final = new Set<OrderView['state']>(['expired', 'cancelled', 'refunded', 'failed']);

export function startOrderPage(page: Page, root: HTMLElement): void {
  const { words } = page;
  const orderId = decodeURIComponent(location.pathname.split('/').pop() ?? '');
  const path = `/api/orders/${encodeURIComponent(orderId)}`;
  const clockTime = new Intl.DateTimeFormat(words.locale, { timeStyle: 'medium' });
  const number = new Intl.NumberFormat(words.locale);
  let view: OrderView | null = null;
  let title: string | null = null;
  let hasGiven = false;
  let polls = 0;
  let failures = 0;
  /** Nothing more is asked for before somebody signs in. */
  let isStopped = false;
  const link = createLink(words, paint);

  function paint(): void {
    if (view === null) return;
    const { state } = view;
    root.dataset.state = state;
    byTestId('order-state').dataset.state = state;
    setText(byTestId('order-state'), words.orderLabels[state]);
    setText(byTestId('advice'), link.trouble() ?? words.orderAdvice[state]);
    setText(byTestId('place'), number.format(view.place));
    setText(byTestId('ahead'), lineText(words, view));
    setText(byTestId('quantity'), number.format(view.quantity));
    setText(byTestId('amount'), view.amount === null ? '–' : formatMoney(view.amount));
    paintSteps(byTestId('steps'), state);
    details.paint(view);
    actions.paint(view);
    paintSignIn(page.session.signInAddress(), words.signIn.again);
    paintReceipt({ view, title, locale: words.locale, nowMs: page.clock.now() });
    const isDue = state === 'awaiting_payment' && view.payBy !== null;
    byTestId('pay-by').hidden = !isDue;
    if (!isDue || view.payBy === null) return;
    const payBy = new Date(view.payBy);
    setText(byTestId('countdown'), formatCountdown(payBy.getTime() - page.clock.now(), words));
    setText(byTestId('pay-by-time'), words.fill(words.order.payUntil, { time: clockTime.format(payBy) }));
  }

  async function learnSale(saleId: string): Promise<void> {
    byTestId<HTMLAnchorElement>('sale-link').href = `/sales/${saleId}`;
    const reply = await page.call<PublicSale>('GET', `/api/sales/${saleId}`);
    if (reply.kind !== 'ok') return;
    title = inLanguage(reply.body.translations, words.tag)?.title ?? reply.body.title;
    setText(byTestId('title'), title);
  }

  /** Nothing can be told before it is known who asks. */
  function askWho(): void {
    const address = page.session.signInAddress();
    const isAgain = page.session.userId() !== null;
    paintSignIn(address, words.signIn.toSee);
    setText(byTestId('order-state'), address === null ? words.order.foreign : words.signIn.toSee);
    const advice = isAgain ? words.signIn.ended : words.signIn.first;
    setText(byTestId('advice'), address === null ? words.order.foreignAdvice : advice);
    if (isBack) actions.say(words.order.backForeign);
  }

  /** What the stream or a poll says; an older word than the last one changes nothing. */
  function learn(next: OrderView, sentMs: number): void {
    page.clock.learn(next.now, sentMs, performance.now());
    if (view !== null && next.version < view.version) return;
    const isFirst = view === null;
    // What was given here is known here before its picture is drawn again.
    view = hasGiven ? { ...next, hasDetails: true } : next;
    failures = 0;
    link.note(true);
    if (isFirst) void learnSale(next.saleId);
    paint();
    if (isFirst && isBack && lateEnds.has(next.state)) actions.say(words.order.backLate);
  }

  function waitMs({ state }: OrderView): number | null {
    if (final.has(state)) return null;
    const calm = state === 'queued' ? Math.min(5000, 800 + polls * 40) : 3000;
    return (state === 'paid' ? 20_000 : calm) * (0.8 + Math.random() * 0.4);
  }

  setText(byTestId('order-id'), orderId);
  // Back from the payment provider's page: the address is as it was, and says nothing of how the payment stands.
  const isBack = new URLSearchParams(location.search).get('from') === 'payment';
  if (isBack) history.replaceState(history.state, '', location.pathname);
  // Where the stream is down: a payment takes a moment, and the second look is the one that sees it.
  const actions = createOrderActions(page, path, () => {
    ask();
    setTimeout(ask, 1000);
  });
  const details = createDetailsDoor(page, path, () => {
    hasGiven = true;
    if (view !== null) view = { ...view, hasDetails: true };
    paint();
    byTestId('pay').focus();
  });
  if (page.arrival !== null) setText(byTestId('message'), words.signIn[page.arrival]);
  // Another tab signed in: this one begins again.
  page.lasting.onChange('token', () => {
    if (isStopped && page.session.isSignedIn()) location.reload();
  });
  if (!page.session.isSignedIn()) {
    isStopped = true;
    askWho();
    return;
  }
  const stream = followOrder({
    open: (headers, signal) => page.session.open(`${path}/events`, headers, signal),
    onView: (next) => {
      learn(next, performance.now());
      if (final.has(next.state)) stream.pause();
    },
    now: () => performance.now(),
    random: Math.random,
  });
  document.addEventListener('visibilitychange', () => (document.hidden ? stream.pause() : stream.resume()));
  addEventListener('pagehide', stream.pause);
  // A page taken back from the browser's cache still shows the moment it was left.
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });

  // The stream tells; while there is none, the page asks.
  const ask = repeat(async () => {
    if (view !== null && final.has(view.state)) return null;
    if (view !== null && stream.isLive()) return 2000;
    const sentMs = performance.now();
    const reply = await page.session.call<OrderView>('GET', path);
    polls += 1;
    link.note(reply.kind !== 'lost');
    if (reply.kind === 'ok') {
      learn(reply.body, sentMs);
      stream.resume();
      return waitMs(reply.body);
    }
    failures += 1;
    paint();
    if (page.session.signInAddress() !== null) {
      isStopped = true;
      if (view === null) askWho();
      return null;
    }
    if (reply.kind === 'refused' && reply.status < 500 && reply.status !== 429) {
      // Right after the purchase a look may come too early; a real no stays one.
      if (failures < 4) return backoffMs(failures, reply.retryAfterMs, Math.random);
      setText(byTestId('order-state'), words.order.none);
      setText(byTestId('advice'), words.problems[reply.code]);
      if (isBack) actions.say(words.order.backForeign);
      return null;
    }
    if (view === null && failures > 1) setText(byTestId('advice'), link.trouble() ?? words.order.lost);
    return backoffMs(failures, reply.retryAfterMs, Math.random);
  });
  everySecond(page.clock.now, paint);
}
