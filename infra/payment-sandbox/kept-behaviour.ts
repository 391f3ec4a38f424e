import { type Behaviour, behaviourSchema } from './behaviour.ts';
import type { LedgerFile } from './ledger-file.ts';

/** The behaviour that the sandbox was told last, also before a restart. */
export function keepBehaviour({ all, run }: Pick<LedgerFile, 'all' | 'run'>) {
  let behaviour = behaviourSchema.parse(
    JSON.parse(all<{ json: string }>('SELECT json FROM behaviour')[0]?.json ?? '{}'),
  );

  return {
    behaviour: () => behaviour,
    behave(next: Behaviour): void {
      run('INSERT OR REPLACE INTO behaviour (only, json) VALUES (1, ?)', JSON.stringify(next));
      behaviour = next;
    },
  };
}
