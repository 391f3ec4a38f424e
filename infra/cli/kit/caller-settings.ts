import type { CliRun } from './run.ts';

/** The settings among what the caller set. */
export const callerSettings = ({ environment }: Pick<CliRun, 'environment'>): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith('SECKILL_')));
