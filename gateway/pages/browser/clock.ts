/**
 * The server's time on a clock that nobody sets (performance.now). A server's `now` was true when it was sent, so it is
 * past when it arrives: `now - gotMs` never overstates the offset, and the largest of several answers is nearest to it,
 * even when a CDN handed out some that were a second old. Half of the quickest round trip is what even the best one lost
 * on its way (Cristian, "Probabilistic clock synchronization", 1989).
 */
export type ServerClock = {
  learn(now: string, sentMs: number, gotMs: number): void;
  now(): number;
  /** How many answers the clock goes by. */
  samples(): number;
};

/** performance.now drifts by some ms in this time; what is older is forgotten. */
const trustMs = 300_000;
const maxSamples = 40;

export function createServerClock(tick: () => number, wallMs: number): ServerClock {
  let offset = wallMs - tick();
  let samples: { bound: number; roundTrip: number; at: number }[] = [];
  return {
    learn(now, sentMs, gotMs) {
      const serverMs = Date.parse(now);
      if (Number.isNaN(serverMs)) return;
      samples = [...samples.filter(({ at }) => gotMs - at < trustMs).slice(1 - maxSamples)];
      samples.push({ bound: serverMs - gotMs, roundTrip: gotMs - sentMs, at: gotMs });
      const quickest = Math.min(...samples.map(({ roundTrip }) => roundTrip));
      offset = Math.max(...samples.map(({ bound }) => bound)) + quickest / 2;
    },
    now: () => tick() + offset,
    samples: () => samples.length,
  };
}
