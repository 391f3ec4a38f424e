import type { OrderView } from '#contract/order.ts';
import type { PaymentAnswer } from '#contract/payment.ts';
import type { Reply } from './api.ts';
import { actionsOf, type OrderAction } from './order-steps.ts';
import { byTestId, type Page, setText } from './page.ts';
import { askPatiently } from './purchase.ts';

const names = ['pay', 'cancel', 'refund'] as const satisfies OrderAction[];
/** As long as a provider usually takes; of a payment that it declines nobody tells the order. */
const wordWithinMs = 15_000;
const paths = { pay: 'payment', cancel: 'cancel', refund: 'refund' } as const;

/**
 * Pay, cancel, return. Each is safe to ask for again, so a lost answer is retried. What cannot be taken back asks for a
 * second press on the same button: no dialog, nothing that a keyboard or a screen reader could miss.
 */
export function createOrderActions(page: Page, path: string, onDone: () => void) {
  const { words } = page;
  let doing: OrderAction | null = null;
  let sure: OrderAction | null = null;
  let isPaying = false;
  let presses = 0;

  const say = (text: string) => setText(byTestId('message'), text);

  async function act(name: OrderAction): Promise<void> {
    if (doing !== null) return;
    if (name !== 'pay' && sure !== name) {
      sure = name;
      return say(name === 'cancel' ? words.order.sureCancel : words.order.sureRefund);
    }
    sure = null;
    doing = name;
    mark();
    say(name === 'pay' ? words.order.paying : '');
    const waiting = {
      sleep: page.sleep,
      nowMs: page.clock.now,
      random: Math.random,
      onWait: () => say(words.order.lost),
    };
    const reply = await askPatiently(waiting, () => page.session.call<PaymentAnswer>('POST', `${path}/${paths[name]}`));
    doing = null;
    mark();
    say(resultWords(name, reply));
    isPaying = name === 'pay' && reply.kind === 'ok' && reply.body.state === 'pending';
    if (isPaying) void admitSilence();
    onDone();
  }

  async function admitSilence(): Promise<void> {
    presses += 1;
    const press = presses;
    await page.sleep(wordWithinMs);
    if (isPaying && press === presses && doing === null) say(words.order.noWordOfPayment);
  }

  function resultWords(name: OrderAction, reply: Reply<PaymentAnswer>): string {
    if (reply.kind === 'ok') {
      if (name !== 'pay') return '';
      if (reply.body.state === 'failed') return words.order.paymentFailed;
      // Paid already when the provider's word was quicker than this answer: the page says that itself.
      return reply.body.state === 'pending' ? words.order.paying : '';
    }
    return reply.kind === 'lost' ? words.problems.UNAVAILABLE : words.problems[reply.code];
  }

  function mark(): void {
    for (const name of names) byTestId(name).setAttribute('aria-busy', String(doing === name));
  }

  for (const name of names) byTestId(name).addEventListener('click', () => void act(name));
  return {
    paint({ state }: OrderView): void {
      const offered = actionsOf[state] ?? [];
      byTestId('actions').hidden = offered.length === 0;
      for (const name of names) byTestId(name).hidden = !offered.includes(name);
      // The provider's word came: what was said about waiting for it is over.
      if (isPaying && state !== 'awaiting_payment') say('');
      isPaying &&= state === 'awaiting_payment';
    },
  };
}
