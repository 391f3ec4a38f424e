import type { Hono } from 'hono';
import { handOverCalls } from '#contract/hand-over.ts';
import type { HandOverKey } from '#contract/hand-over-keys.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { Counter, type Registry } from '#runtime/metrics.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Stock } from '#stock/stock.ts';
import type { FindWayToPay } from '../money/way-to-pay.ts';
import { createHandOverApp, faultyOutcomes } from './hand-over-routes.ts';
import { createReadCall } from './read-call.ts';
import type { DetailsOf } from './tell-details.ts';
import { createToCheckout } from './to-checkout.ts';

/** What the hand-over is set up by; each may be missing. */
export type HandOverSettings = {
  SECKILL_HAND_OVER_KEY: readonly [HandOverKey, ...HandOverKey[]] | undefined;
  SECKILL_HAND_OVER_SECRET: readonly [Buffer, ...Buffer[]] | undefined;
  SECKILL_PUBLIC_URL: string | undefined;
};

/** The shop's own checkout: the way there, and what its server says afterwards. Works when all of its settings are there. */
export function startHandOver(deps: {
  settings: HandOverSettings;
  pool: Pool;
  stock: Pick<Stock, 'reservation'>;
  logger: Logger;
  registers: Registry[];
  detailsOf: DetailsOf;
  now: () => number;
  newId: () => string;
  onMoved: () => void;
}): { apps: Hono[]; toCheckout: FindWayToPay } {
  const { settings, pool, stock, detailsOf, logger, registers, now, newId, onMoved } = deps;
  const { SECKILL_HAND_OVER_KEY: keys, SECKILL_HAND_OVER_SECRET: secrets, SECKILL_PUBLIC_URL: issuer } = settings;
  const missing = Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [name] : []));
  const warn = createThrottledWarn(logger);
  // No shopper leaves for a checkout whose word would not be heard.
  const signing = keys === undefined || secrets === undefined || issuer === undefined ? null : { key: keys[0], issuer };
  const calls = new Counter({
    name: 'seckill_hand_over_calls_total',
    help: "Calls of the shop's server about orders that its own checkout is paid for, by how they ended",
    labelNames: ['call', 'outcome'],
    registers,
  });
  // An increase is seen only of a series that was there before it.
  for (const call of handOverCalls) for (const outcome of faultyOutcomes) calls.inc({ call, outcome }, 0);

  return {
    apps: [
      createHandOverApp({
        ...{ pool, stock, detailsOf, now, logger, onMoved },
        readCall: createReadCall({ secrets: secrets ?? null, now }),
        keys: signing === null ? [] : (keys ?? []).map(({ jwk }) => jwk),
        onCall: (call, outcome) => calls.inc({ call, outcome }),
      }),
    ],
    toCheckout: createToCheckout({
      ...{ pool, signing, now, newId },
      onNotSetUp: (saleId) =>
        warn(new Error(`not set: ${missing.join(', ')}`), "a shopper cannot go to the shop's checkout", { saleId }),
    }),
  };
}
