import type { ChainableCommander, Redis } from 'ioredis';
import { saleKeys } from '#contract/redis-keys.ts';
import { primaryProof } from '#runtime/redis/connect.ts';
import { NotReplicated, StockFault } from './fault.ts';

/** So long stock Redis waits for its replicas: below every deadline of ours, and far above one round trip and its fsync. */
export const replicationDeadlineMs = 300;

/** So long it waits for every replica, before the sentinels are asked whether fewer will do. */
const everyReplicaMs = 50;
/** When one is away, it is not waited for again before that time. */
const oneAwayMs = 1000;

/** A fence is of no use once its wait is over. */
const fenceSeconds = 60;

/** Called with each answer of stock Redis to WAIT: the time from the first byte that was sent until it came. */
export type OnBarrier = (seconds: number, isReplicated: boolean) => void;

export type Reply = readonly [error: Error | null, reply?: unknown];
/** `fault`: too few replicas have what was sent, or nothing is known of it; null: enough have it. */
export type Sent = { replies: readonly Reply[]; fault: StockFault | null };

export type Barrier = {
  /** See {@link StockDecisions.barrier}. */
  behind: <T>(saleId: string, write: () => Promise<T>) => Promise<T>;
  /**
   * Sends what `fill` puts into a pipeline, and says how many replicas have it: commands, fence and WAIT go in one pipeline
   * over one connection. Without replicas it is the commands alone. Replies in the order of the commands.
   */
  send: (saleId: string, fill: (pipeline: ChainableCommander) => void) => Promise<Sent>;
};

/**
 * The barrier of one connection. It writes a fence key of the sale before it waits: WAIT answers for what its own connection
 * has written, and on Redis 7.2, Valkey 8 and later a connection that has only read is told at once that all replicas have it.
 * A connection that was lost in between may lead to another server now, which never had what the one before was given: that
 * is too few, too.
 *
 * Where sentinels keep the primary, WAIT alone is no proof: when another was promoted, the old primary still has a replica for
 * about a second, which acknowledges and then forgets. So either every replica has it, and with them the promoted one; or
 * a majority of the sentinels says after that, that they have voted for nobody to replace this primary. Found by the chaos
 * rounds (--ha): a partition healed between the promotion and the word to the last replica, and 172 yeses were lost.
 *
 * WAIT keeps its connection from everything else. So one is under way at a time, and what comes meanwhile shares the next:
 * while the replicas are away a crowd waits for two deadlines, not for one each.
 */
export function createBarrier(
  redis: Redis,
  { replicas, onBarrier = () => {} }: { replicas: number; onBarrier?: OnBarrier | undefined },
): Barrier {
  type Waiting = { saleId: string; fill: (pipeline: ChainableCommander) => void; answer: PromiseWithResolvers<Sent> };
  let waiting: Waiting[] = [];
  let isUnderWay = false;
  let link = 0;
  let oneAwayUntil = 0;
  const proof = replicas > 0 ? primaryProof(redis) : null;
  if (replicas > 0) {
    redis.on('close', () => {
      link += 1;
    });
  }

  /** One pipeline for all of them. */
  async function exchange(group: readonly Waiting[]): Promise<Sent[]> {
    const pipeline = redis.pipeline();
    const ends = group.map(({ fill }) => {
      fill(pipeline);
      return pipeline.length;
    });
    const fence = saleKeys(group.at(-1)?.saleId ?? '').fence; // one write is enough: all of it goes to the same replicas
    const every = everyReplica();
    const isForEvery = every > replicas && Number.isFinite(every) && performance.now() >= oneAwayUntil;
    const [asked, withinMs] = isForEvery ? [every, everyReplicaMs] : [replicas, replicationDeadlineMs];
    pipeline.set(fence, 1, 'EX', fenceSeconds).wait(asked, withinMs);
    const startedAt = performance.now();
    const mine = link;
    const replies = (await pipeline.exec()) ?? [];
    const [fenceReply = noAnswer, waitReply = noAnswer] = replies.slice(-2);
    let fault = faultIn(fenceReply, waitReply);
    if (proof !== null && waitReply[0] === null && !(Number(waitReply[1]) >= every)) {
      if (isForEvery) oneAwayUntil = performance.now() + oneAwayMs;
      if (fault !== null && isForEvery) fault = faultIn(fenceReply, await waitAgain(replicas));
      if (fault === null && !(await proof.isSure())) fault = await withoutSentinels(every);
      if (mine !== link) fault = new StockFault('unknown', lost);
    }
    if (waitReply[0] === null) onBarrier((performance.now() - startedAt) / 1000, fault === null);
    return ends.map((end, index) => ({ replies: replies.slice(ends[index - 1] ?? 0, end), fault }));
  }

  /** How many replicas there are; infinite while no sentinel knows any. */
  function everyReplica(): number {
    const known = proof?.replicas() ?? replicas;
    return known === 0 ? Number.POSITIVE_INFINITY : Math.max(replicas, known);
  }

  /** The sentinels are away, or at a failover: every replica must have it. */
  async function withoutSentinels(every: number): Promise<StockFault | null> {
    const [, count] = Number.isFinite(every) ? await waitAgain(every) : [];
    return Number(count) >= every ? null : new StockFault('unknown', unsure);
  }

  const waitAgain = async (count: number): Promise<Reply> => {
    try {
      return [null, await redis.wait(count, replicationDeadlineMs - everyReplicaMs)];
    } catch (error) {
      return [error instanceof Error ? error : new Error(String(error))];
    }
  };

  function faultIn([fenceError]: Reply, [waitError, acknowledged]: Reply): StockFault | null {
    const error = fenceError ?? waitError;
    if (error !== null) return new StockFault('unknown', error);
    const count = Number(acknowledged);
    return count < replicas ? new StockFault('unknown', new NotReplicated(count, replicas)) : null;
  }

  async function sendWaiting(): Promise<void> {
    isUnderWay = true;
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      try {
        const sent = await exchange(group);
        for (const [index, { answer }] of group.entries()) answer.resolve(sent[index] ?? nothing);
      } catch (error) {
        for (const { answer } of group) answer.reject(error);
      }
    }
    isUnderWay = false;
  }

  const send: Barrier['send'] = async (saleId, fill) => {
    if (replicas === 0) {
      const pipeline = redis.pipeline();
      fill(pipeline);
      return { replies: (await pipeline.exec()) ?? [], fault: null };
    }
    const answer = Promise.withResolvers<Sent>();
    waiting.push({ saleId, fill, answer });
    if (!isUnderWay) void sendWaiting(); // settles through the promises of its group
    return answer.promise;
  };

  return {
    send,
    async behind(saleId, write) {
      if (replicas === 0) return write();
      const mine = link;
      const written = await write();
      const { fault } = await send(saleId, () => {});
      if (fault !== null) throw fault;
      if (mine !== link) throw new StockFault('unknown', lost);
      return written;
    },
  };
}

const lost = 'the connection was lost before the replicas had answered';
const unsure = 'not every replica has it, and the sentinels do not say that this is still the primary';
export const noAnswer: Reply = [new Error('no answer')];
const nothing: Sent = { replies: [], fault: new StockFault('unknown', noAnswer[0]) };
