import type { ProblemCode } from '#contract/problems.ts';
import type { PublicSale, SaleState } from '#contract/sale.ts';
import { backoffMs } from './backoff.ts';
import { formatCountdown } from './countdown.ts';
import { createLink } from './link.ts';
import { createMyOrder } from './my-order.ts';
import { byTestId, everySecond, type Page, repeat, setText } from './page.ts';
import { createPreparation, type Obtained } from './preparation.ts';
import { placeOrder, waitsOut } from './purchase.ts';
import { nextPollMs, prepareMsOf, stateAt } from './sale-timing.ts';
import { buttonView, questionText } from './sale-view.ts';
import { createTicketDesk } from './ticket.ts';
import { currentLanguage } from './words/speak.ts';

const staleTicket = new Set<ProblemCode>(['TICKET_EXPIRED', 'TICKET_INVALID', 'TICKET_MISSING']);

/** Above this a refusal may be the answer to a request that the browser sent again. */
const slowAnswerMs = 1000;

export function startSalePage(page: Page, root: HTMLElement): void {
  const { words } = page;
  const saleId = root.dataset.saleId ?? '';
  const kind = root.dataset.challenge;
  const prepareMs = prepareMsOf(root.dataset.leadSeconds === undefined ? null : Number(root.dataset.leadSeconds));
  const form = byTestId<HTMLFormElement>('form');
  const buy = byTestId<HTMLButtonElement>('buy');
  const badge = byTestId('state');
  const answer = document.querySelector<HTMLInputElement>('input#answer');
  const bar = document.querySelector<HTMLProgressElement>('progress#answer');
  const quantity = byTestId<HTMLSelectElement>('quantity');
  const lastOrder = byTestId<HTMLAnchorElement>('last-order');

  let sale: PublicSale | null = null;
  let shown: SaleState | null = null;
  let cameBack = false;
  let doing: string | null = null;
  let failures = 0;

  const desk = createTicketDesk(page, saleId, () => say(words.say.noAnswer));
  const mine = createMyOrder(page, saleId, paint);
  const link = createLink(words, paint);
  const state = (): SaleState | null => sale && stateAt(sale, page.clock.now());
  const needsPerson = () => kind === 'quiz';
  const leftMs = () => (sale === null ? 0 : Date.parse(sale.opensAt) - page.clock.now());
  const canPrepare = () => state() === 'open' || (state() === 'upcoming' && leftMs() <= prepareMs);
  const hasAll = () => sale !== null && mine.units() >= sale.limitPerUser;
  const preparation = createPreparation({
    page,
    desk,
    workerUrl: root.dataset.worker ?? '',
    needsPerson,
    canPrepare: () => canPrepare() && !hasAll() && doing === null,
    leftMs,
    onChange: paint,
    onProblem: (problem) => say(problemWords(problem)),
  });

  function say(text: string): void {
    setText(byTestId('message'), text);
  }
  const problemWords = (problem: Exclude<Obtained, null>) =>
    problem === 'WORK_FAILED' ? words.question.workFailed : words.problems[problem];

  function paintQuestion(current: SaleState | null): void {
    const challenge = desk.challenge();
    const isReady = desk.held() !== null;
    const progress = preparation.progress();
    byTestId('question-block').hidden = kind === 'none';
    byTestId('question-block').dataset.ready = String(isReady);
    const at = {
      state: current,
      isReady,
      canPrepare: canPrepare(),
      progress,
      isWork: kind === 'pow',
      challenge,
      prepareMs,
    };
    setText(byTestId('question'), questionText(words, currentLanguage(), at));
    if (answer !== null) answer.disabled = challenge === null || isReady;
    if (bar !== null) bar.value = isReady ? 100 : Math.round((progress ?? 0) * 100);
  }

  function paint(): void {
    const current = state();
    const held = desk.held();
    const ticket = held === null ? 'none' : held.wasTried ? 'tried' : 'ready';
    const view = buttonView(words, { state: current, doing, ticket, canPrepare: canPrepare(), hasAll: hasAll() });
    setText(buy, view.label);
    buy.disabled = !view.isLive;
    buy.setAttribute('aria-busy', String(doing !== null));
    lastOrder.hidden = mine.orderId() === null;
    lastOrder.href = mine.path();
    paintQuestion(current);
    const trouble = link.trouble();
    if (trouble !== null) setText(byTestId('advice'), trouble);
    if (sale === null || current === null) return;
    if (shown !== current) {
      cameBack = shown === 'sold_out' && current === 'open';
      shown = badge.dataset.state = root.dataset.state = current;
      setText(badge, words.saleLabels[current]);
    }
    const advice = hasAll() ? words.say.mine : cameBack ? words.cameBack : words.saleAdvice[current];
    setText(byTestId('advice'), trouble ?? advice);
    const isBefore = leftMs() > 0;
    const isRunning = current !== 'draft' && current !== 'closed';
    setText(byTestId('countdown-label'), isBefore ? words.opensIn : words.closesIn);
    const untilMs = Date.parse(isBefore ? sale.opensAt : sale.closesAt);
    const left = isRunning || isBefore ? untilMs - page.clock.now() : 0;
    setText(byTestId('countdown'), formatCountdown(left, words.days));
  }

  async function askAgain(sentence: string): Promise<void> {
    const problem = await desk.ask();
    if (answer !== null) answer.value = '';
    say(problem === null ? sentence : words.problems[problem]);
    paint();
    answer?.focus();
  }

  /** True once a ticket is in hand. */
  async function getTicket(): Promise<boolean> {
    if (desk.held() !== null) return true;
    const problem = needsPerson() ? await redeemAnswer() : await preparation.obtain();
    if (problem !== null && problem !== 'UNANSWERED') say(problemWords(problem));
    return problem === null;
  }

  /** `UNANSWERED`: the shopper was told what is missing. */
  async function redeemAnswer(): Promise<ProblemCode | 'UNANSWERED' | null> {
    if (desk.challenge() === null) {
      const problem = await desk.ask();
      if (problem !== null) return problem;
      paint();
    }
    const given = answer?.value.trim() ?? '';
    if (given === '') {
      say(words.question.missing);
      answer?.focus();
      return 'UNANSWERED';
    }
    const problem = await desk.redeem(given);
    if (problem !== 'WRONG_ANSWER') return problem;
    await askAgain(words.problems.WRONG_ANSWER);
    return 'UNANSWERED';
  }

  async function order(mayRenew: boolean): Promise<void> {
    const ticket = desk.held();
    if (ticket === null) return;
    doing = words.buy.placing;
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
        onWait: () => say(words.say.noAnswer),
      },
      { saleId, ...ticket, quantity: Number(quantity.value) },
    );
    if (outcome.kind === 'unsure') return say(words.say.unsure);
    if (outcome.kind === 'accepted') return goToOrder(outcome.orderId);
    if (!waitsOut.has(outcome.code)) desk.markTried(false);
    if (staleTicket.has(outcome.code)) {
      desk.drop();
      if (needsPerson()) return askAgain(words.problems[outcome.code]);
      if (mayRenew && (await getTicket())) return order(false);
    }
    say(words.problems[outcome.code]);
    // What the answer says counts at once; the next look comes after.
    if (outcome.code === 'SOLD_OUT' && sale?.state === 'open') sale = { ...sale, state: 'sold_out' };
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
    mine.keep(orderId);
    say(words.say.in);
    location.assign(mine.path());
    return new Promise(() => {}); // The button stays busy while the browser leaves.
  }

  async function advance(): Promise<void> {
    if (doing !== null) return;
    if (hasAll()) return location.assign(mine.path());
    doing = words.buy.checking;
    say('');
    paint();
    try {
      if (await getTicket()) {
        if (state() !== 'upcoming') await order(true);
        else say(words.say.ready);
      }
    } finally {
      doing = null;
      paint();
    }
  }

  const refresh = repeat(async () => {
    const sentMs = performance.now();
    const reply = await page.call<PublicSale>('GET', `/api/sales/${encodeURIComponent(saleId)}`);
    link.note(reply.kind !== 'lost');
    if (reply.kind === 'ok') {
      failures = 0;
      page.clock.learn(reply.body.now, sentMs, performance.now());
      sale = reply.body;
      paint();
      return nextPollMs(sale, page.clock.now(), page.clock.samples(), Math.random);
    }
    if (reply.kind === 'refused' && reply.code === 'SALE_UNKNOWN') say(words.problems.SALE_UNKNOWN);
    failures += 1;
    paint();
    return backoffMs(failures, reply.retryAfterMs, Math.random);
  });

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!buy.disabled) void advance();
  });
  page.lasting.onChange(desk.key, paint);
  if (desk.held()?.wasTried) say(words.say.tried);
  // A page taken back from the browser's cache still shows the moment it was left.
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
  everySecond(page.clock.now, () => {
    paint();
    void preparation.tick();
  });
}
