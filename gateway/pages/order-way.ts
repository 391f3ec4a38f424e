import { type OrderState, orderStates } from '#contract/order.ts';

/** Every step that an order may take, in the order in which any of them does. */
export const orderSteps = [
  'queued',
  'ready',
  'paid',
  'expired',
  'cancelled',
  'failed',
  'refunding',
  'refunded',
] as const;
export type OrderStep = (typeof orderSteps)[number];

const buying = ['queued', 'ready', 'paid'] as const;
/** The way of an order in this state: the steps that it took, then those to come. `at` is the step where it stands. */
export const wayOf: Record<OrderState, { steps: readonly OrderStep[]; at: OrderStep }> = {
  queued: { steps: buying, at: 'queued' },
  awaiting_payment: { steps: buying, at: 'ready' },
  paid: { steps: buying, at: 'paid' },
  expired: { steps: ['queued', 'ready', 'expired'], at: 'expired' },
  cancelled: { steps: ['queued', 'ready', 'cancelled'], at: 'cancelled' },
  failed: { steps: ['queued', 'failed'], at: 'failed' },
  refunding: { steps: [...buying, 'refunding'], at: 'refunding' },
  refunded: { steps: [...buying, 'refunded'], at: 'refunded' },
};

/** The states of orders that have this step on their way, and those of orders that stand there. */
export const statesOf = (step: OrderStep) => ({
  of: orderStates.filter((state) => wayOf[state].steps.includes(step)),
  at: orderStates.filter((state) => wayOf[state].at === step),
});
