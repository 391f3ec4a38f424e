import { withDeadline } from '#runtime/deadline.ts';

/** `fail` keeps a sale from being opened; `warn` is worth a look and keeps no sale from anything. */
export type Verdict = 'pass' | 'warn' | 'fail';
/** As a person reads them, of one width. */
export const verdictMarks: Readonly<Record<Verdict, string>> = { pass: 'ok  ', warn: 'WARN', fail: 'FAIL' };

/** One line of `seckill sale check`. `mend`: the command, or the edit, that mends it; null when nothing is to be mended. */
export type Finding = { check: string; verdict: Verdict; says: string; mend: string | null };

/** What a check found, without its own name. */
export type Found = Omit<Finding, 'check'>;

export const pass = (says: string): Found => ({ verdict: 'pass', says, mend: null });
export const warn = (says: string, mend: string): Found => ({ verdict: 'warn', says, mend });
export const fail = (says: string, mend: string): Found => ({ verdict: 'fail', says, mend });

/**
 * A check by its name. `run` gives one finding or several; what it throws is a failure of this check alone, as is taking
 * longer than `withinMs` (4 s).
 */
export type Check = { name: string; run: () => Promise<Found | Found[]>; withinMs?: number };

const usuallyWithinMs = 4000;

const ofLocalStack = /^seckill status\b/;

/**
 * Runs every check at once. One that throws, or takes too long, fails; the others are told all the same. `seckill status` knows
 * the stack of this machine alone: in what mends, `statusCommand` takes its place.
 */
export async function runChecks(checks: readonly Check[], statusCommand: string): Promise<Finding[]> {
  const found = await Promise.all(
    checks.map(async ({ name, run, withinMs = usuallyWithinMs }) => {
      const results = await withDeadline(run(), withinMs, 'the check').catch((error: unknown) =>
        fail(error instanceof Error ? error.message : String(error), 'seckill status'),
      );
      return [results].flat().map(({ mend, ...each }): Finding => {
        const there = mend?.replace(ofLocalStack, () => statusCommand) ?? null;
        return { check: name, ...each, mend: there };
      });
    }),
  );
  return found.flat();
}

export const blocking = (findings: readonly Finding[]) => findings.filter(({ verdict }) => verdict === 'fail');
