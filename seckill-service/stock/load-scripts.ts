import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ChainableCommander, Redis } from 'ioredis';
import type { SaleKeys } from '#contract/redis-keys.ts';
import { readHeader, type ScriptHeader } from '#runtime/redis/script-header.ts';
import { replies, type ScriptName } from './replies.ts';

/** `keys`: those that its header names, in its order. */
export type Script = { name: ScriptName; lua: string; header: ScriptHeader; keys: (keyof SaleKeys)[] };

const scriptNames = Object.keys(replies) as ScriptName[]; // the table's own keys
const keyNames = ['sale', 'stock', 'buyers', 'reservations', 'outbox', 'orders'] as const satisfies (keyof SaleKeys)[];

/** The keys of a header as names of {@link SaleKeys}; throws for any other name. */
export function saleKeysOf(script: string, header: ScriptHeader): (keyof SaleKeys)[] {
  return header.keys.map(({ from, to, name }) => {
    const key = keyNames.find((known) => known === name);
    if (key === undefined || from !== to) throw new Error(`${script}.lua: KEYS[${from}] names no key of redis-keys.ts`);
    return key;
  });
}

/** Every script, read from the files beside once. */
export function loadScripts(): Map<ScriptName, Script> {
  return new Map(
    scriptNames.map((name) => {
      const lua = readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');
      const header = readHeader(name, lua);
      return [name, { name, lua, header, keys: saleKeysOf(name, header) }];
    }),
  );
}

type Argument = string | number;
export type RunScripts = {
  one: (name: ScriptName, keys: SaleKeys, args: readonly Argument[]) => Promise<unknown>;
  /** The same script for each of these keys, sent at once: replies in their order, an error in the place of one that failed. */
  each: (name: ScriptName, keys: readonly SaleKeys[]) => Promise<unknown[]>;
  /**
   * Puts a call into a pipeline of the caller's: by the script's SHA-1, or by its whole text for a Redis that has answered
   * NOSCRIPT. The driver's own second try would come after what follows in the pipeline.
   */
  add: (
    to: ChainableCommander,
    by: 'sha' | 'text',
    name: ScriptName,
    keys: SaleKeys,
    args: readonly Argument[],
  ) => void;
};

/**
 * Defines the scripts on a connection (ioredis sends EVALSHA, and the text again when Redis has forgotten it) and
 * returns the ways to call them: keys are picked by the header, so their order is written down once.
 */
export function defineScripts(redis: Redis): RunScripts {
  const scripts = loadScripts();
  const shaOf = new Map<ScriptName, string>();
  for (const { name, lua, keys } of scripts.values()) {
    redis.defineCommand(`seckill_${name}`, { numberOfKeys: keys.length, lua });
    shaOf.set(name, createHash('sha1').update(lua).digest('hex'));
  }
  /** `target` is the connection or a pipeline of it: defineCommand adds to both what the types do not know. */
  const call = (target: object, name: ScriptName, keys: SaleKeys, args: readonly Argument[]) => {
    const picked = scripts.get(name)?.keys.map((key) => keys[key]);
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
    add: (to, by, name, keys, args) => {
      const [script, sha] = [scripts.get(name), shaOf.get(name)];
      if (script === undefined || sha === undefined) throw new Error(`no such script: ${name}`);
      const picked = script.keys.map((key) => keys[key]);
      if (by === 'sha') to.evalsha(sha, picked.length, ...picked, ...args);
      else to.eval(script.lua, picked.length, ...picked, ...args);
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
    transaction.eval(script.lua, script.keys.length, ...script.keys.map((key) => keys[key]), ...args);
  }
  transaction.del(...Object.values(keys));
  const results = await transaction.exec();
  if (results === null) throw new Error('the transaction was not run');
  return results.slice(0, -1).map(([error, reply]) => error ?? reply);
}
