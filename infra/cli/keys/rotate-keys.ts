import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { maxTicketTtlSeconds } from '#contract/settings.ts';
import { formatTicketKeys, type TicketKey } from '#contract/ticket.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { type KeyHolder, readKeyHolders } from '#sales/key-holders.ts';
import { CliError } from '../kit/cli-error.ts';
import { errorText } from '../kit/error-text.ts';
import { keysToDrop, pendingKey, withNewKey, withPendingSigning } from './key-rotation.ts';
import { type TicketKeysFile, writeTicketKeysFile } from './ticket-keys-file.ts';

const newSecret = () => randomBytes(32).toString('hex');
const nameOf = ({ name, kind }: Pick<KeyHolder, 'name' | 'kind'>) => (kind === 'service' ? name : `${name} (${kind})`);

/**
 * Refuses to drop a key whose tickets may still be good: it stopped signing when the file was last changed, and a ticket
 * lives for an hour at most.
 */
export function refuseEarlyDrop(file: TicketKeysFile, nowMs: number): void {
  const [dropped] = keysToDrop(file.keys);
  const goodUntilMs = file.changedAtMs + maxTicketTtlSeconds * 1000;
  if (dropped === undefined || nowMs >= goodUntilMs) return;
  throw new CliError(
    `${dropped.id} may have signed tickets that are good until ${new Date(goodUntilMs).toISOString()}, and this would drop it: rotate after that, or add --now when it must go at once`,
    1,
  );
}

/** What a rotation has done. `holders`: every process that was seen, and has it. */
export type Rotation = { signing: string; checking: string[]; dropped: string[]; holders: string[]; tookMs: number };

/**
 * Rotates the keys of a file that all processes read: first everybody gets the new key to check with, then it signs.
 * So no process ever meets a ticket whose key it does not know. A rotation that was broken off is gone on with.
 */
export async function rotateKeys(options: {
  zookeeper: ZooKeeper;
  file: TicketKeysFile;
  withinMs: number;
  onProgress: (text: string) => void;
}): Promise<Rotation> {
  const { zookeeper, file, withinMs, onProgress } = options;
  const from = performance.now();
  const isResumed = pendingKey(file.keys) !== null;
  const keys = isResumed ? file.keys : withNewKey(file.keys, newSecret());
  const pending = pendingKey(keys);
  if (pending === null) throw new Error('the new key is not the newest');
  if (!isResumed) await writeTicketKeysFile(file.path, keys);
  onProgress(`${pending.id} ${isResumed ? 'was added' : 'is added'} for checking; waiting until every process has it`);
  await everyHolder(zookeeper, withinMs, (ids) => ids.includes(pending.id), {
    stands: `${pending.id} does not sign yet`,
    goOn: 'Run it again to go on',
  });

  const next = withPendingSigning(keys);
  await writeTicketKeysFile(file.path, next);
  onProgress(`every process has ${pending.id}: it signs from now on`);
  const wanted = next.map(({ id }) => id).join();
  const holders = await everyHolder(zookeeper, withinMs, (ids) => ids.join() === wanted, {
    stands: `${pending.id} signs`,
    goOn: 'The file is final: to run this again would begin another rotation. `seckill keys show` tells who has it',
  });
  return {
    signing: pending.id,
    checking: next.slice(1).map(({ id }) => id),
    dropped: keysToDrop(keys).map(({ id }) => id),
    holders,
    tookMs: Math.round(performance.now() - from),
  };
}

/**
 * Waits until every process that was seen meanwhile, also one that came and went, has what it needs; throws with the
 * names of those that do not, or with why it could not look.
 */
async function everyHolder(
  zookeeper: ZooKeeper,
  withinMs: number,
  has: (keyIds: string[]) => boolean,
  otherwise: { stands: string; goOn: string },
): Promise<string[]> {
  const deadline = performance.now() + withinMs;
  const seen = new Map<string, boolean>();
  for (;;) {
    let why: string;
    try {
      const holders = await readKeyHolders(zookeeper);
      for (const name of seen.keys()) seen.set(name, false);
      for (const holder of holders) seen.set(nameOf(holder), has(holder.keyIds));
      const missing = [...seen].filter(([, isThere]) => !isThere).map(([name]) => name);
      if (missing.length === 0) return [...seen.keys()];
      why = missing.join(', ');
    } catch (error) {
      why = errorText(error); // one read that fails says nothing about the rotation
    }
    if (performance.now() > deadline) {
      const { stands, goOn } = otherwise;
      throw new CliError(`not within ${withinMs / 1000} s: ${why}. ${stands}; no good ticket is refused. ${goOn}`, 1);
    }
    await wait(50);
  }
}

/**
 * The next text of the file, for a place where somebody else writes it, a Kubernetes secret for example: run it, apply
 * what it prints, wait until `keys show` lists the new key everywhere, and run it once more.
 */
export async function nextKeysText(zookeeper: ZooKeeper, keys: readonly TicketKey[]): Promise<string> {
  const holders = await readKeyHolders(zookeeper);
  const known = new Set(keys.map(({ id }) => id));
  const newer = holders.flatMap(({ keyIds }) => keyIds).find((id) => !known.has(id));
  if (newer !== undefined) {
    throw new CliError(
      `some process knows ${newer}, and this file does not: it is out of date, nothing was printed`,
      1,
    );
  }
  const pending = pendingKey(keys);
  if (pending === null) return formatTicketKeys(withNewKey(keys, newSecret()));
  const missing = holders.filter(({ keyIds }) => !keyIds.includes(pending.id)).map(nameOf);
  if (missing.length > 0) {
    throw new CliError(`${pending.id} is not known yet by ${missing.join(', ')}: nothing was printed`, 1);
  }
  return formatTicketKeys(withPendingSigning(keys));
}
