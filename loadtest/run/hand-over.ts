/** At most so many go to one virtual user at a time: a question for each press would be dear. */
const mostAtOnce = 8;

/**
 * The tickets that shoppers got and no buyer has pressed with yet, oldest first. A virtual user of k6 takes a megabyte, so
 * none waits for the opening with a ticket in its hand: the command keeps the tickets, a line each, and k6's buyers ask for
 * a few at a time (loadtest/k6/lib/hand-over.ts). Toward the end they get fewer, so that none lie where no buyer comes any more.
 */
export function createHandOver(options: { shoppers: number; buyers: number; patienceMs?: number }) {
  const { shoppers, buyers, patienceMs = 5000 } = options;
  let lines: string[] = [];
  let first = 0;
  let handed = 0;
  const waiting = new Set<(lines: string[]) => void>();

  const share = () => Math.min(mostAtOnce, Math.max(1, Math.floor((shoppers - handed) / (4 * buyers))));

  return {
    /** `<shopper's number> <ticket>`. */
    give(line: string): void {
      const [next] = waiting;
      if (next === undefined) {
        lines.push(line);
        return;
      }
      waiting.delete(next);
      handed += 1;
      next([line]);
    },
    /** The oldest few; none when there is none for 5 s. */
    async take(): Promise<string[]> {
      if (first < lines.length) {
        const taken = lines.slice(first, first + share());
        first += taken.length;
        handed += taken.length;
        if (first > 10_000) {
          lines = lines.slice(first);
          first = 0;
        }
        return taken;
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          waiting.delete(receive);
          resolve([]);
        }, patienceMs);
        const receive = (given: string[]) => {
          clearTimeout(timer);
          resolve(given);
        };
        waiting.add(receive);
      });
    },
  };
}
export type HandOver = ReturnType<typeof createHandOver>;
