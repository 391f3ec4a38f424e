import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { signalProcess } from '../host/life.ts';
import { postmasterOf } from '../host/postmaster.ts';
import { identityOf, isSameProcess, orphansOf } from '../host/process-identity.ts';
import type { RunDirectory } from '../host/run-directory.ts';
import { endings, tiers } from '../plan/roles.ts';
import type { ProcessState, StackState } from './state-file.ts';

/**
 * Ends what a dead supervisor left: every recorded process that still lives and is the recorded one, never a later
 * one with its pid. Returns the names of what had to be ended.
 */
export async function endLeftovers(state: StackState, dir: RunDirectory): Promise<string[]> {
  const ended: string[] = [];
  for (const tier of tiers) {
    const ofTier = state.processes.filter((each) => endings[each.role].tier === tier);
    await Promise.all(
      ofTier.map(async (each) => {
        const byItself = await endLeftover(each);
        const postmaster = each.role === 'postgres' ? postmasterOf(join(dir.data(each.name), 'cluster')) : null;
        if (postmaster !== null) await endPostmaster(postmaster); // Patroni was killed
        if (byItself || postmaster !== null) ended.push(each.name);
      }),
    );
  }
  return ended;
}

/** Its port and its cluster are free when this resolves. */
async function endPostmaster(pid: number): Promise<void> {
  const identity = await identityOf(pid);
  signalProcess(pid, 'SIGKILL');
  if (identity !== null) await isGoneWithin(pid, identity, 5_000);
}

async function endLeftover({ role, pid, identity }: ProcessState): Promise<boolean> {
  if (pid === null || identity === null) return false;
  let found = false;
  for (const { signal, withinMs } of endings[role].steps) {
    if (!(await isSameProcess(pid, identity))) break;
    found = true;
    signalProcess(pid, signal);
    await isGoneWithin(pid, identity, withinMs);
  }
  if (await isSameProcess(pid, identity)) signalProcess(pid, 'SIGKILL');
  for (const orphan of orphansOf(pid, identity)) {
    found = true;
    signalProcess(orphan, 'SIGKILL');
  }
  await isGoneWithin(pid, identity, 5_000);
  return found;
}

async function isGoneWithin(pid: number, identity: string, ms: number): Promise<void> {
  const deadline = Date.now() + ms;
  while (Date.now() < deadline && (await isSameProcess(pid, identity))) await wait(25);
}
