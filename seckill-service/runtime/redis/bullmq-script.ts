import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { keyCount, readHeader } from './script-header.ts';

const require = createRequire(import.meta.url);
const scriptOf = z.object({ content: z.string().min(1) });

/** The keys of a queue that BullMQ's scripts take, in their order; `''` is the prefix of the jobs' own keys. */
const moveToActive = [
  'wait',
  'active',
  'prioritized',
  'events',
  'stalled',
  'limiter',
  'delayed',
  'paused',
  'meta',
  'pc',
];
export const bullmqKeys = {
  addStandardJob: ['wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events', 'marker'],
  moveToActive: [...moveToActive, 'marker'],
  moveToFinished: [...moveToActive, 'completed', '', 'metrics:completed', 'marker'],
} as const satisfies Record<string, readonly string[]>;
export type BullmqScript = keyof typeof bullmqKeys;

/**
 * Defines a script of ours on a connection, with one of BullMQ's own as a Lua function before it, and returns the call:
 * `keys` are ours and come after those of the queue `prefix` (`seckill:orders:`).
 *
 * BullMQ adds, takes and finishes one job a command. One command for a whole batch costs this process a tenth and no
 * round trips, and since the text is BullMQ's, what happens to each job is what BullMQ does. Its files are named after
 * the number of keys that they take, and a test compares the keys and arguments that they document with those that we
 * pass: another version of BullMQ does not go unnoticed.
 */
export function defineBullmqScript(redis: Redis, theirs: BullmqScript, ours: URL, prefix: string, keys: string[] = []) {
  const text = readFileSync(ours, 'utf8');
  const allKeys = [...bullmqKeys[theirs].map((key) => prefix + key), ...keys];
  const takes = keyCount(readHeader(basename(ours.pathname, '.lua'), text));
  if (takes !== allKeys.length) throw new Error(`${ours.pathname} takes ${takes} keys, and is given ${allKeys.length}`);
  const lua = withBullmqScript(theirs, text);
  const command = `bullmq_${theirs}`;
  redis.defineCommand(command, { numberOfKeys: allKeys.length, lua });
  // Added by defineCommand, unknown to the types; each of our scripts replies with a flat list.
  const run = Reflect.get(redis, command).bind(redis) as (...args: (string | number)[]) => Promise<unknown[]>;
  return (...args: (string | number)[]) => run(...allKeys, ...args);
}

export function withBullmqScript(theirs: BullmqScript, lua: string): string {
  return `local function ${theirs}(KEYS, ARGV)\n${bullmqScript(theirs)}\nend\n${lua}`;
}

/** The text of one of BullMQ's scripts. Throws when this version of BullMQ has none that takes as many keys. */
export function bullmqScript(name: BullmqScript): string {
  const file = `bullmq/dist/cjs/scripts/${name}-${bullmqKeys[name].length}.js`;
  return scriptOf.parse(require(file)[name]).content;
}
