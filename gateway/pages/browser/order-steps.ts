import type { OrderView } from '#contract/order.ts';
import { mayPay } from './may-pay.ts';
import type { Words } from './words.ts';

/** Shows the steps of an order's way, each up to where it stands (../order-way.ts); their words are in the markup. */
export function paintSteps(steps: HTMLElement, state: OrderView['state']): void {
  let isReached = true;
  for (const step of steps.querySelectorAll('li')) {
    step.hidden = !step.dataset.of?.split(' ').includes(state);
    step.toggleAttribute('data-reached', isReached);
    if (step.dataset.at?.split(' ').includes(state)) {
      step.ariaCurrent = 'step';
      isReached = false;
    } else step.ariaCurrent = null;
  }
}

export type OrderAction = 'pay' | 'cancel' | 'refund';
const actions: Partial<Record<OrderView['state'], readonly OrderAction[]>> = {
  awaiting_payment: ['pay', 'cancel'],
  paid: ['refund'],
};

type Offering = Pick<OrderView, 'state' | 'checkout' | 'collect' | 'hasDetails'>;

/** What is offered on the page. Money that the shop's own checkout took is given back there. */
export function actionsOf(view: Offering): readonly OrderAction[] {
  const { state, checkout } = view;
  if (state === 'paid' && checkout === 'shop') return [];
  return (actions[state] ?? []).filter((action) => action !== 'pay' || mayPay(view));
}

/** Place in the line and time until the order is made; nothing about time when nobody can say. */
export function lineText({ order, fill }: Words, { state, ahead, etaSeconds }: OrderView): string {
  if (state !== 'queued') return '';
  const line = ahead <= 0 ? order.next : fill(order.ahead, { count: ahead });
  if (etaSeconds === null || etaSeconds < 3) return line;
  // A shopper needs it no finer: a queue is no clock.
  const wait =
    etaSeconds < 90
      ? fill(order.waitsSeconds, { count: Math.max(5, Math.ceil(etaSeconds / 5) * 5) })
      : fill(order.waitsMinutes, { count: Math.round(etaSeconds / 60) });
  return fill(order.lineAndWait, { line, wait });
}
