import type { TicketKey } from '#contract/ticket.ts';

/** The number in `k<number>`; 0 for an id that was not made here. */
const numberOf = (key: TicketKey) => Number(/^k(\d{1,9})$/.exec(key.id)?.[1] ?? 0);

/** The key that was added for checking and does not sign yet: it is newer than the one that signs. */
export function pendingKey(keys: readonly TicketKey[]): TicketKey | null {
  const [signing, ...others] = keys;
  if (signing === undefined) return null;
  return others.find((key) => numberOf(key) > numberOf(signing)) ?? null;
}

/** The first half of a rotation: a new key, last in the list, so that it is only checked with. */
export function withNewKey(keys: readonly TicketKey[], secret: string): TicketKey[] {
  const number = Math.max(0, ...keys.map(numberOf)) + 1;
  return [...keys, { id: `k${number}`, secret }];
}

/** The second half: the pending key signs, the one that signed until now is still checked with, older ones go. */
export function withPendingSigning(keys: readonly TicketKey[]): TicketKey[] {
  const pending = pendingKey(keys);
  const [signing] = keys;
  if (pending === null || signing === undefined) throw new Error('no key is pending');
  return [pending, signing];
}

/** The keys that the second half will drop. */
export function keysToDrop(keys: readonly TicketKey[]): TicketKey[] {
  const pending = pendingKey(keys);
  return keys.slice(1).filter((key) => key !== pending);
}
