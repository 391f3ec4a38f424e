import type { ProblemCode } from '#contract/problems.ts';
import type { PublicSale, SaleState } from '#contract/sale.ts';
import { backoffMs } from './backoff.ts';
import { formatCountdown } from './countdown.ts';
import { byTestId, everySecond, type Page, repeat, setText } from './page.ts';
import { placeOrder, waitsOut } from './purchase.ts';
import { nextPollMs, prepareMs, stateAt } from './sale-timing.ts';
import { createTicketDesk } from './ticket.ts';
import { problemSentences, saleAdvice, saleLabels } from './words.ts';

const staleTicket = new Set<ProblemCode>(['TICKET_EXPIRED', 'TICKET_INVALID', 'TICKET_MISSING']);

/** Above this a refusal may be the answer to a request that the browser sent again. */
const slowAnswerMs = 1000;

export function startSalePage(page: Page, root: HTMLElement): void {
  const saleId = root.dataset.saleId ?? '';
  const form = byTestId<HTMLFormElement>('form');
  const buy = byTestId<HTMLButtonElement>('buy');
  const badge = byTestId('state');
  const answer = byTestId<HTMLInputElement>('answer');
  const question = byTestId('question');
  const quantity = byTestId<HTMLSelectElement>('quantity');
  const lastOrder = byTestId<HTMLAnchorElement>('last-order');
  const desk = createTicketDesk(page, saleId, () => say('No answer yet. Still trying: you keep your turn.'));

  let sale: PublicSale | null = null;
  let doing: string | null = null;
  let isAsking = false;
  let askFromMs = 0;
  let failures = 0;

  const state = (): SaleState | null => sale && stateAt(sale, page.clock.now());
  const needsAnswer = () => (desk.challenge()?.kind ?? root.dataset.challenge) !== 'none';
  const leftMs = () => (sale === null ? 0 : Date.parse(sale.opensAt) - page.clock.now());
  const canPrepare = () => state() === 'open' || (state() === 'upcoming' && leftMs() <= prepareMs);

  function say(text: string): void {
    setText(byTestId('message'), text);
  }

  function buttonWord(current: SaleState | null): { label: string; isLive: boolean } {
    if (doing !== null) return { label: doing, isLive: true };
    if (current === null) return { label: 'One moment…', isLive: false };
    const ticket = desk.held();
    if (ticket?.wasTried) return { label: 'Try again', isLive: true };
    if (current === 'open') return { label: 'Buy now', isLive: true };
    if (current === 'upcoming' && ticket !== null) return { label: 'You are ready', isLive: false };
    if (current === 'upcoming' && canPrepare()) return { label: 'Get ready', isLive: true };
    return { label: saleLabels[current], isLive: false };
  }

  function paintQuestion(): void {
    const challenge = desk.challenge();
    const isReady = desk.held() !== null;
    byTestId('question-block').hidden = !needsAnswer();
    byTestId('question-block').dataset.ready = String(isReady);
    answer.disabled = challenge === null || isReady;
    if (isReady) setText(question, 'Your answer is in.');
    else if (challenge !== null) setText(question, challenge.question);
    else if (canPrepare()) setText(question, 'Fetching your question…');
    else if (state() === 'upcoming') setText(question, 'Your question comes 4 minutes before the opening.');
    else setText(question, 'Your question comes when there is a unit to buy.');
  }

  function paint(): void {
    const current = state();
    const { label, isLive } = buttonWord(current);
    setText(buy, label);
    buy.disabled = !isLive;
    buy.setAttribute('aria-busy', String(doing !== null));
    paintQuestion();
    if (sale === null || current === null) return;
    if (badge.dataset.state !== current) {
      badge.dataset.state = root.dataset.state = current;
      setText(badge, saleLabels[current]);
      setText(byTestId('advice'), saleAdvice[current]);
    }
    const isBefore = leftMs() > 0;
    const isRunning = current !== 'draft' && current !== 'closed';
    setText(byTestId('countdown-label'), isBefore ? 'Opens in' : 'Closes in');
    const untilMs = Date.parse(isBefore ? sale.opensAt : sale.closesAt);
    setText(byTestId('countdown'), formatCountdown(isRunning || isBefore ? untilMs - page.clock.now() : 0));
    void askAhead();
  }

  /** The question is on the page before it is needed; the crowd's questions are spread over the wait. */
  async function askAhead(): Promise<void> {
    const isNeeded = canPrepare() && needsAnswer() && desk.held() === null && desk.challenge() === null;
    if (!isNeeded || isAsking || doing !== null || document.hidden) return;
    const nowMs = page.clock.now();
    if (askFromMs === 0) askFromMs = nowMs + Math.random() * Math.min(15_000, Math.max(0, leftMs()) / 4);
    if (nowMs < askFromMs) return;
    isAsking = true;
    const problem = await desk.ask();
    isAsking = false;
    askFromMs = page.clock.now() + (problem === null ? 0 : 15_000);
    if (problem !== null) say(problemSentences[problem]);
    else answer.value = '';
    paint();
  }

  async function askAgain(sentence: string): Promise<void> {
    const problem = await desk.ask();
    answer.value = '';
    say(problem === null ? sentence : problemSentences[problem]);
    paint();
    answer.focus();
  }

  /** True once a ticket is in hand. */
  async function getTicket(): Promise<boolean> {
    if (desk.held() !== null) return true;
    doing = 'Checking…';
    paint();
    if (desk.challenge() === null) {
      const problem = await desk.ask();
      if (problem !== null) {
        say(problemSentences[problem]);
        return false;
      }
      paint();
    }
    const challenge = desk.challenge();
    if (challenge === null) return false;
    const given = answer.value.trim();
    if (challenge.kind !== 'none' && given === '') {
      say('Please answer the question first.');
      answer.focus();
      return false;
    }
    const problem = await desk.redeem(challenge.challengeId, given);
    if (problem === null) return true;
    if (challenge.kind === 'none') say(problemSentences[problem]);
    else await askAgain(problemSentences[problem]);
    return false;
  }

  async function order(mayRenew: boolean): Promise<void> {
    const ticket = desk.held();
    if (ticket === null) return;
    doing = 'Placing your order…';
    paint();
    desk.markTried(true);
    const askedMs = performance.now();
    const outcome = await placeOrder(
      {
        call: page.call,
        callAsUser: page.session.call,
        sleep: page.sleep,
        nowMs: page.clock.now,
        random: Math.random,
        onWait: () => say('No answer yet. Still trying: you keep your turn.'),
      },
      { saleId, ...ticket, quantity: Number(quantity.value) },
    );
    if (outcome.kind === 'unsure')
      return say('We do not know yet whether that went through. Try again: it can never be bought twice.');
    if (outcome.kind === 'accepted') return goToOrder(outcome.orderId);
    if (!waitsOut.has(outcome.code)) desk.markTried(false);
    if (staleTicket.has(outcome.code)) {
      desk.drop();
      if (needsAnswer()) return askAgain(problemSentences[outcome.code]);
      if (mayRenew && (await getTicket())) return order(false);
    }
    say(problemSentences[outcome.code]);
    refresh();
    if (outcome.code === 'SOLD_OUT' && performance.now() - askedMs > slowAnswerMs) void makeSure(ticket.orderId);
  }

  /**
   * A browser may send a POST twice on its own when a kept connection breaks, and tell nobody: then "sold out" can be
   * the second one's answer while the first took a unit. A resend costs time, and the edge refuses within
   * milliseconds: so only after a slow refusal is the order asked for, once, the crowd's looks spread out.
   */
  async function makeSure(orderId: string): Promise<void> {
    await page.sleep(2000 + Math.random() * 40_000);
    if (doing !== null || desk.held()?.orderId !== orderId) return;
    const reply = await page.session.call('GET', `/api/orders/${orderId}`);
    if (reply.kind === 'ok' && doing === null) return goToOrder(orderId);
  }

  function goToOrder(orderId: string): Promise<void> {
    desk.drop();
    page.lasting.write(`order.${saleId}`, orderId);
    say('You are in!');
    location.assign(`/orders/${encodeURIComponent(orderId)}`);
    return new Promise(() => {}); // The button stays busy while the browser leaves.
  }

  async function advance(): Promise<void> {
    if (doing !== null) return;
    doing = 'Checking…';
    say('');
    paint();
    try {
      if (await getTicket()) {
        if (state() !== 'upcoming') await order(true);
        else say('You are ready: the button comes alive at the opening.');
      }
    } finally {
      doing = null;
      paint();
    }
  }

  const refresh = repeat(async () => {
    const sentMs = performance.now();
    const reply = await page.call<PublicSale>('GET', `/api/sales/${encodeURIComponent(saleId)}`);
    if (reply.kind === 'ok') {
      failures = 0;
      page.clock.learn(reply.body.now, sentMs, performance.now());
      sale = reply.body;
      paint();
      return nextPollMs(sale, page.clock.now(), Math.random);
    }
    if (reply.kind === 'refused' && reply.code === 'SALE_UNKNOWN') say(problemSentences.SALE_UNKNOWN);
    failures += 1;
    return backoffMs(failures, reply.retryAfterMs, Math.random);
  });

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!buy.disabled) void advance();
  });
  if (desk.held()?.wasTried) say('Your last try had no answer. Try again: it can never be bought twice.');
  const orderId = page.lasting.read<string>(`order.${saleId}`);
  if (orderId !== null) {
    lastOrder.href = `/orders/${encodeURIComponent(orderId)}`;
    lastOrder.hidden = false;
  }
  // A page taken back from the browser's cache still shows the moment it was left.
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
  everySecond(page.clock.now, paint);
}
