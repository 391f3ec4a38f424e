/** So many wrong tokens in a row cost nothing: people mistype. Each one more doubles the wait. */
const free = 3;
const longestWaitMs = 60_000;
const mostAddresses = 10_000;

/**
 * Slows down who guesses: after some wrong tokens from an address, its next ones are not even looked at for a while. By
 * address, so that one who guesses locks out nobody else. `now` is a monotonic clock in ms.
 */
export function createWrongGuesses(now: () => number) {
  const addresses = new Map<string, { wrong: number; until: number }>();
  return {
    /** Milliseconds that this address has to wait; 0: it may try. */
    waitMs: (address: string): number => Math.max(0, (addresses.get(address)?.until ?? 0) - now()),
    wrong(address: string): void {
      const wrong = (addresses.get(address)?.wrong ?? 0) + 1;
      const waitMs = wrong < free ? 0 : Math.min(longestWaitMs, 1000 * 2 ** (wrong - free));
      addresses.delete(address); // the newest is the last
      addresses.set(address, { wrong, until: now() + waitMs });
      const [oldest] = addresses.keys();
      if (addresses.size > mostAddresses && oldest !== undefined) addresses.delete(oldest);
    },
    right: (address: string): void => void addresses.delete(address),
  };
}
