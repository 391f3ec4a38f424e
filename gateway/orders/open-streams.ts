import type { EventStream } from './event-stream.ts';

/** Ticks (seconds) between two looks at a stream: read again, or kept alive by a beat. */
const ticksOfRound = 15;

/** The open streams of this process, found by order, by user and by round. */
export type OpenStreams = ReturnType<typeof createOpenStreams>;

export function createOpenStreams() {
  const all = new Set<EventStream>();
  const byOrder = new Map<string, Set<EventStream>>();
  const byUser = new Map<string, number>();
  const rounds = Array.from({ length: ticksOfRound }, () => new Set<EventStream>());
  let ticks = 0;

  return {
    all: (): ReadonlySet<EventStream> => all,
    ofOrder: (orderId: string): ReadonlySet<EventStream> | undefined => byOrder.get(orderId),
    countOfUser: (userId: string): number => byUser.get(userId) ?? 0,

    /** Those whose turn it is. */
    nextRound(): ReadonlySet<EventStream> {
      ticks += 1;
      return rounds[ticks % ticksOfRound] ?? new Set();
    },

    add(stream: EventStream): void {
      const { orderId, reservation } = stream.record;
      all.add(stream);
      byOrder.set(orderId, (byOrder.get(orderId) ?? new Set()).add(stream));
      byUser.set(reservation.userId, (byUser.get(reservation.userId) ?? 0) + 1);
      rounds[Math.floor(Math.random() * ticksOfRound)]?.add(stream);
    },

    /** False when it was not there. */
    remove(stream: EventStream): boolean {
      if (!all.delete(stream)) return false;
      const { orderId, reservation } = stream.record;
      const ofOrder = byOrder.get(orderId);
      ofOrder?.delete(stream);
      if (ofOrder?.size === 0) byOrder.delete(orderId);
      const left = (byUser.get(reservation.userId) ?? 1) - 1;
      if (left === 0) byUser.delete(reservation.userId);
      else byUser.set(reservation.userId, left);
      for (const round of rounds) round.delete(stream);
      return true;
    },
  };
}
