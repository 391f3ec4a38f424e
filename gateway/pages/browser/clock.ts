/**
 * The server's time on a clock that nobody sets (performance.now). Each answer's `now` is taken as the middle of its
 * round trip (Cristian, "Probabilistic clock synchronization", 1989); the quickest of the last minute wins.
 */
export type ServerClock = { learn(now: string, sentMs: number, gotMs: number): void; now(): number };

const trustMs = 60_000;

export function createServerClock(tick: () => number, wallMs: number): ServerClock {
  let offset = wallMs - tick();
  let best = { roundTrip: Number.POSITIVE_INFINITY, at: 0 };
  return {
    learn(now, sentMs, gotMs) {
      const serverMs = Date.parse(now);
      const roundTrip = gotMs - sentMs;
      if (Number.isNaN(serverMs) || (roundTrip > best.roundTrip && gotMs - best.at < trustMs)) return;
      best = { roundTrip, at: gotMs };
      offset = serverMs - (sentMs + gotMs) / 2;
    },
    now: () => tick() + offset,
  };
}
