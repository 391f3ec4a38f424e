import type { Redis } from 'ioredis';
import { rehearsalKeys, relayGroup } from '#contract/redis-keys.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import { commitArguments } from './commit-call.ts';
import { runAtOnce } from './load-scripts.ts';
import { commitOutcomes, numbers, reserveOutcome, setStateOutcome } from './outcomes.ts';
import { replies } from './replies.ts';

/** What a dry purchase is made with: the sale's own numbers. Times are Unix ms. */
export type Rehearsal = { total: number; opensAtMs: number; closesAtMs: number; limitPerUser: number };

/** `trouble`: each step that did not go as it must, in words; empty when the purchase works. */
export type Rehearsed = { trouble: string[] };

/**
 * A whole purchase on the Redis and by the scripts that the sale will use, rolled back: load, open, buy, buy again with
 * the same order, ask for more than the limit, commit, release, count. It runs on keys of its own beside the sale's, in
 * its slot, inside one transaction that ends by deleting them. So nobody ever sees them, whoever dies when: no purchase
 * can meet them, the relay does not know of them, and nothing is left. The sale's own keys are not touched.
 */
export async function rehearse(redis: Redis, saleId: string, nonce: string, plan: Rehearsal): Promise<Rehearsed> {
  const { total, opensAtMs, closesAtMs, limitPerUser } = plan;
  const keys = rehearsalKeys(saleId, nonce);
  const nobody = `rehearsal-${nonce}`;
  // Those who listen to the sales' own channels hear of a unit that came back or an order; this is another one.
  const channel = `seckill:rehearsal:${nonce}`;
  const stored: ShownOrder = { version: 1, state: 'awaiting_payment', payByMs: opensAtMs, amount: 1, currency: 'CNY' };
  const [preload, open, first, again, more, commit, release, shown] = await runAtOnce(redis, keys, [
    ['preload', [total, opensAtMs, closesAtMs, limitPerUser, 0, relayGroup]],
    ['set-state', ['open', 'now', '', 0]],
    ['reserve', ['first', nobody, limitPerUser, '']],
    ['reserve', ['first', nobody, limitPerUser, '']],
    ['reserve', ['second', nobody, 1, '']],
    ['commit', commitArguments(channel, [{ shown: stored, orderIds: ['first'] }])],
    ['release', ['first', saleId, channel, 'shelf']],
    ['read-sale', []],
  ]);
  const kind = (reply: unknown) => (reply instanceof Error ? reply.message : reserveOutcome(numbers(reply)).kind);
  const code = (reply: unknown) => (reply instanceof Error ? reply.message : numbers(reply)[0]);
  const trouble: string[] = [];
  const expect = (step: string, is: unknown, ...wanted: unknown[]) => {
    if (!wanted.includes(is)) trouble.push(`${step}: ${String(is)}`);
  };
  expect('loading', code(preload), replies.preload.DONE);
  expect('opening', open instanceof Error ? open.message : setStateOutcome(open).kind, 'done');
  expect('buying', kind(first), 'accepted');
  expect('buying again with the same order', kind(again), 'replay');
  // The last unit went: sold out is said before the limit.
  expect('buying above the limit', kind(more), total === limitPerUser ? 'sold_out' : 'limit_reached');
  const committed = commit instanceof Error ? commit.message : commitOutcomes.get(Number([commit].flat()[0]));
  expect('storing', committed, 'committed');
  expect('giving back', code(release), replies.release.RELEASED);
  const free = Array.isArray(shown) ? Number(shown[1]) : Number.NaN;
  expect('free units afterwards', free, total);
  return { trouble };
}
