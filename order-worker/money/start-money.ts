import type { ConnectionOptions } from 'bullmq';
import type { Hono } from 'hono';
import type { Own } from '#runtime/belongings.ts';
import type { GrowingWait } from '#runtime/growing-wait.ts';
import type { Logger } from '#runtime/logger.ts';
import { Counter, Gauge, type Registry } from '#runtime/metrics.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { FindOwnOrder } from '../orders/find-own-order.ts';
import { createMoneyDesk } from './money-desk.ts';
import { createLookPayment } from './payment/look-payment.ts';
import { startPaymentSweep } from './payment/payment-sweep.ts';
import type { TakePayment } from './payment/settle-payment.ts';
import { createStartPayment } from './payment/start-payment.ts';
import { createPaymentApp } from './payment-routes.ts';
import { guardProvider } from './provider/guard.ts';
import type { PaymentProvider } from './provider/provider.ts';
import { createRefundQueue } from './refund/refund-queue.ts';
import { startRefundSweep } from './refund/refund-sweep.ts';
import { startRefundWorker } from './refund/refund-worker.ts';
import type { FindWayToPay } from './way-to-pay.ts';
import { createWebhookApp, unusedOutcomes } from './webhook-route.ts';

/** Everything that takes money and gives it back: the routes for the app, and the loops behind them. */
export function startMoney(deps: {
  own: Own;
  /** A pool of its own: a storm of webhooks must not take the drain's connections. */
  pool: Pool;
  connection: ConnectionOptions;
  provider: PaymentProvider;
  findOwnOrder: FindOwnOrder;
  isDetailsMissing: (orderId: string) => Promise<boolean>;
  logger: Logger;
  registers: Registry[];
  now: () => number;
  random: () => number;
  deadlineMs: number;
  checkAfterMs: number;
  /** Of {@link startPaymentSweep}. */
  graceMs?: number | undefined;
  refunds: GrowingWait;
  /** The origin that shoppers see. */
  publicUrl: string | null;
  /** Whether the shop's own checkout takes the money of an order, and the way there. */
  toCheckout: FindWayToPay;
  onMoved: () => void;
}): { apps: Hono[]; takePayment: TakePayment } {
  const { own, pool, connection, logger, registers, now, random, checkAfterMs, refunds } = deps;
  const settled = new Counter({
    name: 'seckill_payments_settled_total',
    help: 'What the provider told of payments and refunds, by what became of it',
    labelNames: ['outcome'],
    registers,
  });
  const webhooks = new Counter({
    name: 'seckill_payment_webhooks_total',
    help: 'Webhooks of the payment provider, by how they were answered',
    labelNames: ['outcome'],
    registers,
  });
  const strangeNexts = new Counter({
    name: 'seckill_payment_next_refused_total',
    help: 'Pages and QR codes of the payment provider that no shopper is sent to',
    registers,
  });
  // An increase is seen only of a series that was there before it.
  for (const outcome of unusedOutcomes) webhooks.inc({ outcome }, 0);
  const tries = new Counter({
    name: 'seckill_refund_tries_total',
    help: 'Tries to give money back, by how they ended; given_up is a dead letter',
    labelNames: ['outcome'],
    registers,
  });
  const provider = guardProvider(deps.provider, { deadlineMs: deps.deadlineMs });
  const open: Gauge = new Gauge({
    name: 'seckill_payment_provider_away',
    help: '1 while the payment provider gives no answers and is left alone for a moment',
    registers,
    collect: () => {
      open.set(provider.isOpen() ? 1 : 0);
    },
  });

  const queue = createRefundQueue({ connection, tries: refunds.tries, logger });
  const desk = createMoneyDesk({
    pool,
    now,
    checkAfterMs,
    onMoved: deps.onMoved,
    // Not awaited: while queue Redis is away it waits in there, and the sweep finds what was lost.
    onRefund: (refundId) =>
      void queue.enqueue([refundId]).catch((err: unknown) => logger.warn({ err }, 'refunds queue')),
    onSettled: (outcome) => settled.inc({ outcome }),
    onStrangeNext: (what) => {
      strangeNexts.inc();
      logger.error(what, 'the payment provider would send a shopper to a page that none shall see');
    },
  });
  const worker = startRefundWorker({
    ...{ connection, pool, provider, logger, now, random },
    takeRefund: desk.takeRefund,
    schedule: refunds,
    onTry: (outcome) => tries.inc({ outcome }),
  });
  const refundSweep = startRefundSweep({ pool, queue, logger });
  const paymentSweep = startPaymentSweep({
    pool,
    provider,
    takePayment: desk.takePayment,
    checkAfterMs,
    graceMs: deps.graceMs,
    logger,
  });

  const { look, lookUp } = createLookPayment({ pool, provider, takePayment: desk.takePayment });

  // Closed the other way round: the sweeps fill the queue, the worker empties it.
  own('refunds queue', queue);
  own('refund worker', worker);
  own('refund sweep', refundSweep);
  own('payment sweep', paymentSweep);
  return {
    takePayment: desk.takePayment,
    apps: [
      createPaymentApp({
        ...{ findOwnOrder: deps.findOwnOrder, isDetailsMissing: deps.isDetailsMissing },
        ...{ desk, toCheckout: deps.toCheckout },
        startPayment: createStartPayment({
          ...{ pool, provider, publicUrl: deps.publicUrl },
          ...{ open: desk.open, takePayment: desk.takePayment, look },
        }),
        lookUpPayment: lookUp,
      }),
      createWebhookApp({ provider, desk, now, logger, onWebhook: (outcome) => webhooks.inc({ outcome }) }),
    ],
  };
}
