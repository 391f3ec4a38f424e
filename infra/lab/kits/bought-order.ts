import { setTimeout as wait } from 'node:timers/promises';
import type { Pool } from 'undici';
import { expect } from 'vitest';
import { buy, getTicket, type HeldTicket, orderState, signIn } from '#loadtest/crowd/shopper.ts';
import { poll } from '../poll.ts';

/** Waits until the order of this shopper is in that state. */
export const orderIs = (pool: Pool, held: HeldTicket, state: string) =>
  poll(`the order to be ${state}`, async () => (await orderState(pool, held)) === state);

/** An order of a new shopper, bought through the edge at `pool`; it awaits payment. */
export async function boughtOrder(pool: Pool, saleId: string): Promise<HeldTicket> {
  const held = await getTicket(pool, saleId, await signIn(pool));
  if (!('ticket' in held)) throw new Error(`no ticket: ${JSON.stringify(held)}`);
  expect((await buy(pool, saleId, held, async (ms) => void (await wait(ms)), 20)).status).toBe(202);
  await orderIs(pool, held, 'awaiting_payment');
  return held;
}
