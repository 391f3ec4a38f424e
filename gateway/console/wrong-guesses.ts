/** So many wrong tokens in a row cost nothing: people mistype. Each one more doubles the wait. */
const free = 3;
const longestWaitMs = 60_000;
const maxAddresses = 10_000;

/** An address that was quiet for this time begins anew. */
const quietMs = 600_000;

/**
 * Slows down the wrong ones of an address: after some, each has to wait, and is neither noted nor logged meanwhile. No
 * right token waits, so one that guesses locks no user out; what keeps it from guessing right is the length of the token.
 * `now` is a monotonic clock in ms.
 */
export function createWrongGuesses(now: () => number) {
  const addresses = new Map<string, { wrong: number; until: number }>();
  return {
    /** Milliseconds that the next wrong one of this address has to wait; 0: it is taken. */
    waitMs: (address: string): number => Math.max(0, (addresses.get(address)?.until ?? 0) - now()),
    wrong(address: string): void {
      const before = addresses.get(address);
      const wrong = (before === undefined || now() - before.until > quietMs ? 0 : before.wrong) + 1;
      const waitMs = wrong < free ? 0 : Math.min(longestWaitMs, 1000 * 2 ** (wrong - free));
      addresses.delete(address); // the newest is the last
      addresses.set(address, { wrong, until: now() + waitMs });
      const [oldest] = addresses.keys();
      if (addresses.size > maxAddresses && oldest !== undefined) addresses.delete(oldest);
    },
  };
}
