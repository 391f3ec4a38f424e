import type { PublicSale, SaleState } from '#contract/sale.ts';
import { backoffMs } from './backoff.ts';
import { createLink } from './link.ts';
import { createMyOrder } from './my-order.ts';
import { byTestId, everySecond, type Page, repeat, setText } from './page.ts';
import { createPreparation } from './preparation.ts';
import { createSaleOrder } from './sale-order.ts';
import { createSalePainter, type SalePicture } from './sale-painter.ts';
import { createSaleTicket, problemWords } from './sale-ticket.ts';
import { nextPollMs, prepareMsOf, stateAt } from './sale-timing.ts';
import { createTicketDesk } from './ticket.ts';

/** The page of one sale: what it knows, what a press does, and the looks at the sale. */
export function startSalePage(page: Page, root: HTMLElement): void {
  const { words } = page;
  const saleId = root.dataset.saleId ?? '';
  const kind = root.dataset.challenge;
  const prepareMs = prepareMsOf(root.dataset.leadSeconds === undefined ? null : Number(root.dataset.leadSeconds));
  const buy = byTestId<HTMLButtonElement>('buy');

  let sale: PublicSale | null = null;
  let doing: string | null = null;
  let failures = 0;

  const say = (text: string) => setText(byTestId('message'), text);
  const state = (): SaleState | null => sale && stateAt(sale, page.clock.now());
  const needsPerson = () => kind === 'quiz';
  const leftMs = () => (sale === null ? 0 : Date.parse(sale.opensAt) - page.clock.now());
  const canPrepare = () => state() === 'open' || (state() === 'upcoming' && leftMs() <= prepareMs);
  const hasAll = () => sale !== null && mine.units() >= sale.limitPerUser;

  const desk = createTicketDesk(page, saleId, () => say(words.say.noAnswer));
  const mine = createMyOrder(page, saleId, paint);
  const link = createLink(words, paint);
  const painter = createSalePainter({ words, root, kind, prepareMs });
  const preparation = createPreparation({
    page,
    desk,
    workerUrl: root.dataset.worker ?? '',
    needsPerson,
    canPrepare: () => canPrepare() && !hasAll() && doing === null,
    leftMs,
    onChange: paint,
    onProblem: (problem) => {
      // The page has a link for that, and says so beside it.
      if (problem !== 'UNAUTHENTICATED' || missingSignIn() === null) say(problemWords(words, problem));
    },
  });
  const ticket = createSaleTicket({ words, desk, needsPerson, obtain: preparation.obtain, say, paint });
  const order = createSaleOrder({
    ...{ page, saleId, desk, ticket, mine, needsPerson, say },
    isBusy: () => doing !== null,
    onPlacing: () => {
      doing = words.buy.placing;
      paint();
    },
    onRefused: (code) => {
      // What the answer says counts at once; the next look comes after.
      if (code === 'SOLD_OUT' && sale?.state === 'open') sale = { ...sale, state: 'sold_out' };
      refresh();
    },
  });

  function missingSignIn(): SalePicture['signIn'] {
    const address = page.session.signInAddress();
    return address === null ? null : { address, isAgain: page.session.userId() !== null };
  }

  function paint(): void {
    painter({
      ...{ sale, doing, state: state(), nowMs: page.clock.now(), leftMs: leftMs() },
      ...{ held: desk.held(), challenge: desk.challenge(), progress: preparation.progress() },
      ...{ canPrepare: canPrepare(), hasAll: hasAll(), trouble: link.trouble() },
      signIn: missingSignIn(),
      lastOrder: { orderId: mine.orderId(), path: mine.path() },
    });
  }

  async function advance(): Promise<void> {
    if (doing !== null) return;
    if (hasAll()) return location.assign(mine.path());
    doing = words.buy.checking;
    say('');
    paint();
    try {
      if (await ticket.get()) {
        if (state() !== 'upcoming') await order.place();
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

  byTestId<HTMLFormElement>('form').addEventListener('submit', (event) => {
    event.preventDefault();
    if (!buy.disabled) void advance();
  });
  page.lasting.onChange(desk.key, paint);
  if (page.arrival !== null) say(words.signIn[page.arrival]);
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
