import type { ChainableCommander, Redis } from 'ioredis';
import { saleKeys } from '#contract/redis-keys.ts';
import { primaryProof } from '#runtime/redis/connect.ts';
import { NotReplicated, StockFault } from './fault.ts';

/** Stock Redis waits for its replicas as long as this: below the deadline of every connection, and far above one round trip and its fsync. */
const replicationDeadlineMs = 300;

/** It waits for every replica as long as this, before the sentinels are asked whether fewer will do. */
const everyReplicaMs = 50;
/** When one is away, it is not waited for again before that time. */
const oneAwayMs = 1000;

/** A fence is of no use once its wait is over. */
const fenceSeconds = 60;

export type Reply = readonly [error: Error | null, reply?: unknown];
export const noAnswer: Reply = [new Error('no answer')];
export const linkLost = 'the connection was lost before the replicas had answered';
const unsure = 'not every replica has it, and the sentinels do not say that this is still the primary';

export type Replication = {
  /**
   * Puts fence and WAIT behind what a pipeline holds. What it returns is called with all replies to the pipeline, and says what keeps
   * that from surviving a failover; null: enough replicas have it. It does not reject.
   */
  waitAfter: (
    pipeline: ChainableCommander,
    saleId: string,
  ) => (replies: readonly Reply[]) => Promise<StockFault | null>;
  /** Changes whenever the connection is lost. */
  link: () => number;
};

/**
 * Whether what was written over a connection survives its server. `replicas`: how many must have it; 0: nothing is watched.
 *
 * Where sentinels keep the primary, WAIT alone is no proof: when another was promoted, the old primary still has a replica for
 * about a second, which acknowledges and then forgets. So either every replica has it, and with them the promoted one; or
 * a majority of the sentinels says after that, that they have voted for none to replace this primary. Found by the chaos
 * rounds (--ha): a partition healed between the promotion and the word to the last replica, and 172 yeses were lost.
 */
export function createReplication(redis: Redis, replicas: number): Replication {
  let link = 0;
  let oneAwayUntil = 0;
  const proof = replicas > 0 ? primaryProof(redis) : null;
  if (replicas > 0) {
    redis.on('close', () => {
      link += 1;
    });
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

  return {
    link: () => link,
    waitAfter(pipeline, saleId) {
      const every = everyReplica();
      const isForEvery = every > replicas && Number.isFinite(every) && performance.now() >= oneAwayUntil;
      const [asked, withinMs] = isForEvery ? [every, everyReplicaMs] : [replicas, replicationDeadlineMs];
      pipeline.set(saleKeys(saleId).fence, 1, 'EX', fenceSeconds).wait(asked, withinMs);
      const mine = link;
      return async (replies) => {
        const [fenceReply = noAnswer, waitReply = noAnswer] = replies.slice(-2);
        const fault = faultIn(fenceReply, waitReply);
        if (proof === null || waitReply[0] !== null || Number(waitReply[1]) >= every) return fault;
        if (isForEvery) oneAwayUntil = performance.now() + oneAwayMs;
        const isLate = fault !== null && isForEvery;
        const later = isLate ? faultIn(fenceReply, await waitAgain(replicas)) : fault;
        const proven = later === null && !(await proof.isSure()) ? await withoutSentinels(every) : later;
        return mine === link ? proven : new StockFault('unknown', linkLost);
      };
    },
  };
}
