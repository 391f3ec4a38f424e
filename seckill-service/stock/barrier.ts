import type { ChainableCommander, Redis } from 'ioredis';
import { StockFault } from './fault.ts';
import { createReplication, linkLost, noAnswer, type Reply } from './replication.ts';

/** Called with each answer of stock Redis to WAIT: the time from the first byte that was sent until it came. */
export type OnBarrier = (seconds: number, isReplicated: boolean) => void;

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
  const replication = createReplication(redis, replicas);

  /** One pipeline for all of them. */
  async function exchange(group: readonly Waiting[]): Promise<Sent[]> {
    const pipeline = redis.pipeline();
    const ends = group.map(({ fill }) => {
      fill(pipeline);
      return pipeline.length;
    });
    // One write is enough: all of it goes to the same replicas.
    const judge = replication.waitAfter(pipeline, group.at(-1)?.saleId ?? '');
    const startedAt = performance.now();
    const replies = (await pipeline.exec()) ?? [];
    const fault = await judge(replies);
    if (replies.at(-1)?.[0] === null) onBarrier((performance.now() - startedAt) / 1000, fault === null);
    return ends.map((end, index) => ({ replies: replies.slice(ends[index - 1] ?? 0, end), fault }));
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
      const mine = replication.link();
      const written = await write();
      const { fault } = await send(saleId, () => {});
      if (fault !== null) throw fault;
      if (mine !== replication.link()) throw new StockFault('unknown', linkLost);
      return written;
    },
  };
}

const nothing: Sent = { replies: [], fault: new StockFault('unknown', noAnswer[0]) };
