import { setTimeout as wait } from 'node:timers/promises';
import { messageOf, StackError } from '../host/errors.ts';
import { endsWithin, type Life } from '../host/life.ts';
import type { ProcessSpec } from './process-spec.ts';
import { deathOf, failureOf } from './why-it-ended.ts';

const readyDeadlineMs = 60_000;
const pollMs = 40;

type Start = { spec: ProcessSpec; log: string; life: Life };

/** Of a process that was just spawned: resolves when it is ready and prepared for those after it. Throws {@link StackError}. */
export async function makeReady(start: Start, signal: AbortSignal): Promise<void> {
  await becomesReady(start, signal);
  await prepareForOthers(start);
}

async function becomesReady({ spec, log, life }: Start, signal: AbortSignal): Promise<void> {
  const named = { name: spec.name, log };
  const deadline = Date.now() + readyDeadlineMs;
  let trouble: string | null = 'not asked yet';
  while (trouble !== null) {
    signal.throwIfAborted();
    trouble = await Promise.race([spec.check(life.pid), life.exit.then(() => 'it died')]);
    if (life.over) throw await deathOf(life, named, 'before it was ready');
    if (trouble !== null && Date.now() > deadline) {
      const what = `was not ready on ${spec.address} within ${readyDeadlineMs / 1000} s (${trouble})`;
      throw failureOf(life, named, what);
    }
    if (trouble !== null) await Promise.race([wait(pollMs), life.exit]);
  }
}

async function prepareForOthers({ spec, log, life }: Start): Promise<void> {
  const named = { name: spec.name, log };
  const died = () => deathOf(life, named, 'while it was made ready for the others');
  try {
    await spec.afterReady?.();
  } catch (error) {
    // A client of it often hears of its end before we do.
    if (await endsWithin(life, 1_000)) throw await died();
    if (error instanceof StackError) throw error;
    throw failureOf(life, named, `could not be made ready for the others: ${messageOf(error)}`);
  }
  if (life.over) throw await died();
}
