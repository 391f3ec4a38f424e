import type { Challenge } from '#contract/challenge.ts';
import type { PublicSale, SaleState } from '#contract/sale.ts';
import { formatCountdown } from './countdown.ts';
import { byTestId, setText } from './page.ts';
import { paintSignIn } from './paint-sign-in.ts';
import { buttonView, questionText } from './sale-view.ts';
import type { HeldTicket } from './ticket.ts';
import type { Words } from './words.ts';

/** What the page knows at one moment. */
export type SalePicture = {
  /** Null until the first look at it was answered. */
  sale: PublicSale | null;
  state: SaleState | null;
  nowMs: number;
  /** Until the opening; not above 0 once it is open. */
  leftMs: number;
  /** What the button says while a press is at work. */
  doing: string | null;
  held: HeldTicket | null;
  challenge: Challenge | null;
  /** 0 to 1 while the machine works. */
  progress: number | null;
  canPrepare: boolean;
  /** The shopper holds as many units as one person may buy. */
  hasAll: boolean;
  lastOrder: { orderId: string | null; path: string };
  /** Where the shopper has to sign in, and whether that is again; null when nothing is missing. */
  signIn: { address: string; isAgain: boolean } | null;
  /** What is wrong with the way to the shop. */
  trouble: string | null;
};

/**
 * The sign-in that stands in the way. None of a sale that cannot be bought in any more; and a ticket buys without one, so
 * that a sign-in which ends in the wrong second costs no place.
 */
function missingSignIn({ signIn, state }: Pick<SalePicture, 'signIn' | 'state'>): SalePicture['signIn'] {
  return state === 'draft' || state === 'closed' ? null : signIn;
}

/** Writes the moment into the page's elements. What the sale was before is all it remembers. */
export function createSalePainter(options: {
  words: Words;
  root: HTMLElement;
  /** The sale's kind of challenge. */
  kind: string | undefined;
  prepareMs: number;
}): (picture: SalePicture) => void {
  const { words, root, kind, prepareMs } = options;
  const buy = byTestId<HTMLButtonElement>('buy');
  const badge = byTestId('state');
  const answer = document.querySelector<HTMLInputElement>('input#answer');
  const bar = document.querySelector<HTMLProgressElement>('progress#answer');
  const lastOrder = byTestId<HTMLAnchorElement>('last-order');
  let shown: SaleState | null = null;
  let cameBack = false;

  function paintButton(picture: SalePicture): void {
    const { state, doing, held, canPrepare, hasAll } = picture;
    const ticket = held === null ? 'none' : held.wasTried ? 'tried' : 'ready';
    const view = buttonView(words, { state, doing, ticket, canPrepare, hasAll });
    setText(buy, view.label);
    buy.disabled = !view.isLive;
    buy.setAttribute('aria-busy', String(doing !== null));
    const signIn = missingSignIn(picture);
    buy.hidden = signIn !== null && held === null && doing === null && !hasAll;
    paintSignIn(signIn?.address ?? null, buy.hidden ? words.signIn.toBuy : words.signIn.again);
  }

  function adviceOf({ hasAll, held, ...picture }: SalePicture, current: SaleState): string {
    if (hasAll) return words.say.mine;
    const signIn = missingSignIn(picture);
    if (signIn !== null && held === null) return signIn.isAgain ? words.signIn.ended : words.signIn.first;
    return cameBack ? words.cameBack : words.saleAdvice[current];
  }

  function paintQuestion(picture: SalePicture): void {
    const { state, held, challenge, progress, canPrepare } = picture;
    const isReady = held !== null;
    const needsSignIn = missingSignIn(picture) !== null;
    byTestId('question-block').hidden = kind === 'none';
    byTestId('question-block').dataset.ready = String(isReady);
    const at = { state, isReady, canPrepare, progress, isWork: kind === 'pow', challenge, prepareMs, needsSignIn };
    setText(byTestId('question'), questionText(words, at));
    if (answer !== null) answer.disabled = challenge === null || isReady;
    if (bar !== null) bar.value = isReady ? 100 : Math.round((progress ?? 0) * 100);
  }

  function paintState(current: SaleState): void {
    if (shown === current) return;
    cameBack = shown === 'sold_out' && current === 'open';
    shown = badge.dataset.state = root.dataset.state = current;
    setText(badge, words.saleLabels[current]);
  }

  function paintCountdown(sale: PublicSale, current: SaleState, { leftMs, nowMs }: SalePicture): void {
    const isBefore = leftMs > 0;
    const isRunning = current !== 'draft' && current !== 'closed';
    setText(byTestId('countdown-label'), isBefore ? words.opensIn : words.closesIn);
    const untilMs = Date.parse(isBefore ? sale.opensAt : sale.closesAt);
    const left = isRunning || isBefore ? untilMs - nowMs : 0;
    setText(byTestId('countdown'), formatCountdown(left, words));
  }

  return (picture) => {
    const { sale, state, trouble } = picture;
    paintButton(picture);
    lastOrder.hidden = picture.lastOrder.orderId === null;
    lastOrder.href = picture.lastOrder.path;
    paintQuestion(picture);
    if (trouble !== null) setText(byTestId('advice'), trouble);
    if (sale === null || state === null) return;
    paintState(state);
    setText(byTestId('advice'), trouble ?? adviceOf(picture, state));
    paintCountdown(sale, state, picture);
  };
}
