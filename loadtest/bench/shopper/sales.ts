import { type ChallengeKind, challengeKinds } from '#infra/capacity/shopper-costs.ts';
import type { BenchStack } from '../kit/stack.ts';
import { makeSale } from '../queue/orders.ts';
import { quiz } from './answers.ts';

/** What each sale has, and as many are sold before anything is measured. */
export const units = 25;
const fields: Record<ChallengeKind, object> = {
  sum: {},
  quiz: { quiz },
  pow: { challenge: 'pow' },
  none: { challenge: 'none' },
};

export const saleIdOf = (kind: ChallengeKind): string => `shopper-${kind}`;

/** A sale of each kind of challenge, with its page. */
export async function makeSales(stack: BenchStack): Promise<void> {
  for (const kind of challengeKinds)
    await makeSale(stack, saleIdOf(kind), units, { payWithinSeconds: 86_400, ...fields[kind] });
  await stack.seckill('pages', 'publish');
}
