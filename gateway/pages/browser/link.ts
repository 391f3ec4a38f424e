import type { Words } from './words.ts';

/** Whether the shop can be reached, as the shopper is told: nothing while it can, or after a single lost answer. */
export function createLink(words: Words, onChange: () => void) {
  let lost = 0;
  addEventListener('offline', onChange);
  addEventListener('online', onChange);
  return {
    /** Of each look at the server: whether anything came back. */
    note(answered: boolean): void {
      lost = answered ? 0 : lost + 1;
    },
    trouble(): string | null {
      if (!navigator.onLine) return words.say.offline;
      return lost > 1 ? words.say.lost : null;
    },
  };
}
