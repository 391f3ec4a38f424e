import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { SaleKeys } from '#contract/redis-keys.ts';
import { replies, type ScriptName } from './replies.ts';

/** What a script's header says: the keys it takes, by their names in {@link SaleKeys}; its arguments; its replies. */
export type ScriptHeader = {
  purpose: string;
  keeps: string;
  keys: (keyof SaleKeys)[];
  args: string[];
  replies: { code: number; name: string }[];
  cost: string;
};
export type Script = { name: ScriptName; lua: string; header: ScriptHeader };

const scriptNames = Object.keys(replies) as ScriptName[]; // the table's own keys
const keyNames = new Set<string>(['sale', 'stock', 'buyers', 'reservations', 'outbox', 'orders']);

/** Reads a header; throws when a part of it is missing, so that no script goes undocumented. */
export function readHeader(name: string, lua: string): ScriptHeader {
  const lines = lua.split('\n').filter((line) => line.startsWith('-- '));
  const all = (pattern: RegExp) => lines.map((line) => pattern.exec(line)).filter((match) => match !== null);
  const one = (pattern: RegExp, what: string) => {
    const [match] = all(pattern);
    if (match?.[1] === undefined) throw new Error(`${name}.lua: its header has no "${what}" line`);
    return match[1];
  };
  const keys = all(/^-- KEYS\[(\d+)\] (\w+)/).map((match, index) => {
    if (Number(match[1]) !== index + 1) throw new Error(`${name}.lua: KEYS are not numbered in order`);
    if (!keyNames.has(match[2] ?? '')) throw new Error(`${name}.lua: KEYS[${match[1]}] names no key of redis-keys.ts`);
    return match[2] as keyof SaleKeys; // checked by the line above
  });
  if (keys.length === 0) throw new Error(`${name}.lua: its header names no KEYS`);
  return {
    purpose: one(new RegExp(`^-- ${name}: (.+)`), `${name}:`),
    keeps: one(/^-- Keeps: (.+)/, 'Keeps:'),
    keys,
    args: all(/^-- ARGV\[[\d.]+\] (\w+)/).map((match) => match[1] ?? ''),
    replies: all(/^-- Returns (?:\{(-?\d+)[^}]*\}|(-?\d+)) ([A-Z_]+)/).map((match) => ({
      code: Number(match[1] ?? match[2]),
      name: match[3] ?? '',
    })),
    cost: one(/^-- Cost: (.+)/, 'Cost:'),
  };
}

/** Every script, read from the files beside once. */
export function loadScripts(): Map<ScriptName, Script> {
  return new Map(
    scriptNames.map((name) => {
      const lua = readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');
      return [name, { name, lua, header: readHeader(name, lua) }];
    }),
  );
}

type Argument = string | number;
export type RunScripts = {
  one: (name: ScriptName, keys: SaleKeys, args: readonly Argument[]) => Promise<unknown>;
  /** The same script for each of these keys, sent at once: replies in their order, an error in the place of one that failed. */
  each: (name: ScriptName, keys: readonly SaleKeys[]) => Promise<unknown[]>;
};

/**
 * Defines the scripts on a connection (ioredis sends EVALSHA, and the text again when Redis has forgotten it) and
 * returns the ways to call them: keys are picked by the header, so their order is written down once.
 */
export function defineScripts(redis: Redis): RunScripts {
  const keysOf = new Map<ScriptName, (keyof SaleKeys)[]>();
  for (const { name, lua, header } of loadScripts().values()) {
    redis.defineCommand(`seckill_${name}`, { numberOfKeys: header.keys.length, lua });
    keysOf.set(name, header.keys);
  }
  /** `target` is the connection or a pipeline of it: defineCommand adds to both what the types do not know. */
  const call = (target: object, name: ScriptName, keys: SaleKeys, args: readonly Argument[]) => {
    const picked = keysOf.get(name)?.map((key) => keys[key]);
    if (picked === undefined) throw new Error(`no such script: ${name}`);
    return Reflect.get(target, `seckill_${name}`).call(target, ...picked, ...args);
  };
  return {
    one: async (name, keys, args) => call(redis, name, keys, args),
    each: async (name, keys) => {
      const pipeline = redis.pipeline();
      for (const these of keys) call(pipeline, name, these, []);
      const answers = (await pipeline.exec()) ?? [];
      return keys.map((_these, index) => {
        const [error, reply] = answers[index] ?? [new Error('no answer'), null];
        return error ?? reply;
      });
    },
  };
}

/**
 * Runs scripts one after the other in one transaction on keys that live no longer than it: they are deleted at its end,
 * and nobody sees a state in between. The whole texts are sent: a transaction has no second chance after NOSCRIPT.
 * Replies in the order of `calls`; the error of a script that failed stands in its place. Throws when the transaction
 * did not run.
 */
export async function runAtOnce(
  redis: Redis,
  keys: SaleKeys,
  calls: readonly (readonly [ScriptName, readonly (string | number)[]])[],
): Promise<unknown[]> {
  const scripts = loadScripts();
  const transaction = redis.multi();
  for (const [name, args] of calls) {
    const script = scripts.get(name);
    if (script === undefined) throw new Error(`no such script: ${name}`);
    transaction.eval(script.lua, script.header.keys.length, ...script.header.keys.map((key) => keys[key]), ...args);
  }
  transaction.del(...Object.values(keys));
  const results = await transaction.exec();
  if (results === null) throw new Error('the transaction was not run');
  return results.slice(0, -1).map(([error, reply]) => error ?? reply);
}
