import { execFile } from 'node:child_process';
import { readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { poll } from '#lab/poll.ts';
import { descendantsOf } from '#lab/servers/process-family.ts';
import { signalProcess } from '../stack/host/life.ts';
import { chunkInHand, loseTimers } from './chunk-in-hand.ts';
import { cdcFiles, type Field } from './field.ts';
import { type Fault, type FaultKind, isLinkCard, type LinkFault, meetsChunk } from './plan.ts';

const run = promisify(execFile);
const redisSettings = {
  'stock-redis': 'SECKILL_STOCK_REDIS_URL',
  'queue-redis': 'SECKILL_QUEUE_REDIS_URL',
} as const;

const quick = { commandTimeout: 1000, maxRetriesPerRequest: 0, retryStrategy: () => 100 };

/** Does the fault and undoes it; resolves when nothing of it is left but its consequences. */
type Deed = (field: Field, fault: Fault) => Promise<void>;

const link =
  (kind: LinkFault): Deed =>
  async (field, fault) => {
    if (!isLinkCard(fault)) throw new Error(`${fault.kind} is no fault of a link`);
    const proxies = field.links(fault.victim, fault.process);
    for (const proxy of proxies) proxy.mode(kind, fault.delayMs);
    await wait(fault.forMs);
    // What waits for replies that were dropped hears of it by the reset, as from a link that died.
    if (kind === 'drop-replies') for (const proxy of proxies) proxy.mode('cut');
    for (const proxy of proxies) proxy.mode('pass');
    // What was delayed is still under way, and counts as part of the fault.
    if (kind === 'delay') await wait(fault.delayMs);
  };

/** A setting of a Redis server, and back. A server that restarts in between comes back without it. */
const setting =
  (name: string, broken: string, healthy: string): Deed =>
  async (field, fault) => {
    await withRedis(field, fault, (redis) => redis.config('SET', name, broken));
    await wait(fault.forMs);
    await withRedis(field, fault, (redis) => redis.config('SET', name, healthy));
  };

export const deeds: Record<FaultKind, Deed> = {
  /** The supervisor of the stack restarts it. Of PostgreSQL and nginx it is the master. */
  kill: async (field, fault) => signalProcess(await livingPid(field, fault.process), 'SIGKILL'),

  /** Every process of its family stands still: a stopped postmaster alone would go on serving. */
  freeze: async (field, fault) => {
    const pid = await livingPid(field, fault.process);
    const family = [pid, ...descendantsOf(pid)];
    try {
      for (const each of family) signalProcess(each, 'SIGSTOP');
      await wait(fault.forMs);
    } finally {
      for (const each of family) signalProcess(each, 'SIGCONT');
    }
  },

  cut: link('cut'),
  delay: link('delay'),
  'half-open': link('half-open'),
  'drop-replies': link('drop-replies'),

  flush: (field, fault) => withRedis(field, fault, (redis) => redis.flushall()),

  'lose-timers': (field, fault) =>
    withRedis(field, fault, async (redis) =>
      field.note(`timers of ${(await loseTimers(redis)) ?? 0} seconds are lost`),
    ),

  'out-of-memory': setting('maxmemory', '1', '0'),

  /** A primary whose replicas are gone, told to take no writes then: each script is refused (NOREPLICAS). */
  'no-replicas': setting('min-replicas-to-write', '1', '0'),

  /** The directory of the data team's files is gone, as when a disk is taken out, and comes back. */
  'sink-away': async (field, fault) => {
    const dir = cdcFiles(field.stack.dir);
    renameSync(dir, `${dir}.away`);
    await wait(fault.forMs);
    renameSync(`${dir}.away`, dir);
  },

  /**
   * The append-only file may not grow beyond the next few hundred bytes (RLIMIT_FSIZE, prlimit(1)), for Redis and for
   * each of its successors, until there is "space" again. The write that crosses the limit is cut short as on a full
   * disk; nothing of it was answered. Then it differs, for the worse: Redis' next write meets SIGXFSZ instead of
   * ENOSPC and dies with the torn write in the file, as after a lost power, where with ENOSPC it would take it back.
   */
  'disk-full': async (field, fault) => {
    const until = performance.now() + fault.forMs;
    let limited: number | null = null;
    while (performance.now() < until) {
      const pid = field.pidOf(fault.process);
      if (pid !== null && pid !== limited && (await limitFileSize(pid, `${appendOnlyBytes(field) + 300}:`))) {
        limited = pid;
      }
      await wait(25);
    }
    const pid = field.pidOf(fault.process);
    if (pid !== null) await limitFileSize(pid, 'unlimited:');
  },
};

/** The soft limit only: the way back needs no rights. False when the process went before. */
async function limitFileSize(pid: number, limit: string): Promise<boolean> {
  try {
    await run('prlimit', ['--pid', String(pid), `--fsize=${limit}`]);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw error;
    return false;
  }
}

function appendOnlyBytes(field: Field): number {
  const dir = join(field.stack.dir, 'data/stock-redis/appendonlydir');
  const files = readdirSync(dir).filter((name) => name.endsWith('.aof'));
  return Math.max(0, ...files.map((name) => statSync(join(dir, name)).size));
}

/** A victim that another fault has just ended comes back before this one meets it. */
async function livingPid(field: Field, process: string): Promise<number> {
  return poll(`${process} to run`, () => field.pidOf(process));
}

/** What this round's fault shall meet. Another fault may keep queue Redis from telling: then it comes at its own moment. */
async function untilChunk(field: Field): Promise<string> {
  const redis = new Redis(field.stack.environment[redisSettings['queue-redis']] ?? '', quick);
  redis.on('error', () => undefined); // the look below has its own
  try {
    const found = await chunkInHand(redis).catch(() => null);
    return found === null ? 'no chunk' : `${found.orders} orders in ${found.chunks} chunks`;
  } finally {
    redis.disconnect();
  }
}

async function withRedis(field: Field, fault: Fault, act: (redis: Redis) => Promise<unknown>): Promise<void> {
  if (fault.victim !== 'stock-redis' && fault.victim !== 'queue-redis') throw new Error(`${fault.victim} is no Redis`);
  const url = field.stack.environment[redisSettings[fault.victim]] ?? '';
  const redis = new Redis(url, quick);
  redis.on('error', () => undefined); // each try below has its own
  try {
    await poll(`${fault.victim} to obey`, () => act(redis).then(() => true));
  } finally {
    redis.disconnect();
  }
}

/**
 * Lets the faults happen, each at its moment, counted from now; says what those met that were to meet a chunk. Rejects when one
 * could not be done.
 */
export async function unleash(field: Field, faults: readonly Fault[]): Promise<string[]> {
  const begun = performance.now();
  const met: string[] = [];
  await Promise.all(
    faults.map(async (fault) => {
      await wait(Math.max(0, begun + fault.afterMs - performance.now()));
      field.note(`fault begins: ${fault.kind} ${fault.victim} (${fault.process})`);
      if (meetsChunk(fault)) met.push(`${fault.kind} met ${await untilChunk(field)}`);
      await deeds[fault.kind](field, fault);
      field.note(`fault ended: ${fault.kind} ${fault.victim} (${fault.process})`);
    }),
  );
  return met;
}
