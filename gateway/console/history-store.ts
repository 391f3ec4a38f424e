import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { z } from 'zod';
import { consoleHistory } from '#contract/ops.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import { type SaleMoment, saleColumns } from './sample.ts';

/** What one second told of each sale, by its id. */
export type Second = Record<string, SaleMoment>;

const { key, field, maxSeconds, maxBytes, forgottenAfterSeconds } = consoleHistory;
const perPage = 300;
const [pack, unpack] = [promisify(deflateRaw), promisify(inflateRaw)];

const secondSchema: z.ZodType<Second> = z.record(
  z.string(),
  z.tuple([
    z.int(),
    z.array(z.number().nullable()).length(saleColumns.length),
    z.record(z.string(), z.number()).nullable(),
  ]),
);

export type HistoryStore = {
  /** Stores a second in the background, unless another gateway was quicker; drops it while the one before is under way. */
  keep: (second: Second) => void;
  /** The last hour, oldest first. Rejects when Redis does not answer. */
  load: () => Promise<Second[]>;
};

/**
 * The last hour in queue Redis, for the gateway that starts next. A stream with an entry a second: its id is the second
 * by Redis' own clock, and an id can be given once, so of any number of gateways one writes each second. At most an
 * hour of entries, each of a limited size; gone by itself when no gateway writes any more.
 */
export function createHistoryStore(deps: { redis: Redis; logger: Logger }): HistoryStore {
  const { redis, logger } = deps;
  const warn = createThrottledWarn(logger);
  let isWriting = false;

  async function write(second: Second): Promise<void> {
    const [packed, [seconds]] = await Promise.all([pack(JSON.stringify(second)), redis.time()]);
    if (packed.length > maxBytes) throw new Error(`a second of ${packed.length} bytes is not kept`);
    try {
      await redis.xadd(key, 'MAXLEN', maxSeconds, `${seconds}000-0`, field, packed);
      await redis.expire(key, forgottenAfterSeconds);
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }

  return {
    keep: (second) => {
      if (isWriting || Object.keys(second).length === 0) return;
      isWriting = true;
      write(second)
        .catch((error: unknown) => warn(error, 'a second of the history was not stored: a restart would lose it'))
        .finally(() => {
          isWriting = false;
        });
    },

    load: async () => {
      const [nowSeconds] = await redis.time();
      const seconds: Second[] = [];
      let from = `${Number(nowSeconds) - maxSeconds}000`;
      for (;;) {
        const page = await redis.xrangeBuffer(key, from, '+', 'COUNT', perPage);
        seconds.push(...(await Promise.all(page.map(([, [, packed]]) => read(packed)))).filter((it) => it !== null));
        const last = page.at(-1);
        // Two gateways in turn: an id is of the writing, and a slow look is written after a quick one that began later.
        if (last === undefined || page.length < perPage) return seconds.toSorted((a, b) => takenAt(a) - takenAt(b));
        from = `(${last[0].toString()}`;
      }
    },
  };
}

/** One look at all of them: they have one moment. */
const takenAt = (second: Second) => Object.values(second)[0]?.[0] ?? 0;

/** Somebody has written this second, or a later one. */
const isTaken = (error: unknown) => error instanceof Error && /equal or smaller/.test(error.message);

/** Null for what this version does not understand. */
async function read(packed: Buffer | undefined): Promise<Second | null> {
  try {
    return secondSchema.parse(JSON.parse((await unpack(packed ?? Buffer.alloc(0))).toString()));
  } catch {
    return null;
  }
}
