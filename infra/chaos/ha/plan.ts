import { createRandom, type Random, seedFor } from '#lab/random.ts';
import type { StormPlan } from '../plan.ts';

/** From and to, ms. */
type Span = readonly [min: number, max: number];
type Card = {
  /** Ends with the victim; the round's line says for how long. */
  says: string;
  forMs: Span;
  /**
   * on: it goes on, no shopper notices. again: it stops, and goes on by itself while the fault lasts. back: it stops until
   * what is away comes back.
   */
  sells: 'on' | 'again' | 'back';
  /** The primary of stock Redis is away, and another takes its place: of these the report counts the time together. */
  isLostPrimary?: true;
};

/**
 * The faults of the HA topology. The primary is the one of that moment, as the sentinels name it. What is killed stays
 * unreachable for its time, as a machine would: the supervisor starts the process again at once.
 */
export const cards = {
  'primary-killed': { says: 'the stock primary killed', forMs: [3500, 6000], sells: 'again', isLostPrimary: true },
  'primary-lost': {
    says: 'the machine of the stock primary lost, with what was on its links',
    forMs: [3500, 6000],
    sells: 'again',
    isLostPrimary: true,
  },
  'primary-paused': { says: 'the stock primary paused and woken', forMs: [1000, 8000], sells: 'again' },
  'primary-alone': { says: 'the stock primary alone with every client', forMs: [2500, 6000], sells: 'back' },
  'primary-split': {
    says: 'the stock primary alone with one service, the others with its replicas',
    forMs: [3500, 6000],
    sells: 'again',
  },
  'primary-pair': { says: 'a replica of the stock primary cut off from all', forMs: [2500, 5000], sells: 'on' },
  'second-failover': {
    says: 'the stock primary killed, and the next one 2 s after its promotion',
    forMs: [3500, 5000],
    sells: 'again',
  },
  'replica-behind': {
    says: 'a replica 400 ms behind, then the stock primary killed',
    forMs: [3500, 6000],
    sells: 'again',
    isLostPrimary: true,
  },
  'replicas-away': { says: 'both replicas of the stock primary away', forMs: [2000, 4000], sells: 'back' },
  'sentinels-away': { says: 'two of three sentinels away', forMs: [2500, 5000], sells: 'on' },
  'primary-emptied': { says: 'the stock primary killed, emptied and started again', forMs: [0, 0], sells: 'again' },
  'zookeeper-leader': { says: "ZooKeeper's leader killed", forMs: [0, 0], sells: 'on' },
  'zookeeper-follower': { says: 'a follower of ZooKeeper killed', forMs: [0, 0], sells: 'on' },
  'zookeeper-link': { says: 'a link to ZooKeeper swallows everything', forMs: [3000, 6000], sells: 'on' },
  'zookeeper-quorum': { says: 'two of three ZooKeepers frozen', forMs: [2500, 5000], sells: 'on' },
  // Longer than Patroni's ttl of 6 s: only then is a machine taken for lost.
  'postgres-primary': { says: 'the PostgreSQL primary killed under commits', forMs: [7500, 9000], sells: 'on' },
  'postgres-process': { says: 'the PostgreSQL primary killed, its Patroni alive', forMs: [0, 0], sells: 'on' },
  'postgres-standby': { says: 'the PostgreSQL standby frozen', forMs: [2000, 4000], sells: 'on' },
  'queue-primary': { says: 'the queue primary killed in mid-drain', forMs: [3500, 6000], sells: 'on' },
} as const satisfies Record<string, Card>;
export type HaKind = keyof typeof cards;
export const kinds = Object.keys(cards) as HaKind[]; // the table's own keys
export const cardOf = (kind: HaKind): Card => cards[kind];
/** Whether another server may take the place of stock Redis' primary: not where the sale goes on, nor without any replica. */
export const mayReplacePrimary = (kind: HaKind): boolean => cards[kind].sells !== 'on' && kind !== 'replicas-away';

/** A card with its moment: ms after the storm's begin, and for how long. */
export type HaFault = {
  kind: HaKind;
  afterMs: number;
  forMs: number;
  /** Which service is on the primary's side, whose link swallows: where one of our processes is meant. */
  process: string;
  /** Picks one of several servers that are the same to the round, by remainder. */
  pick: number;
  /** What was under way on the links to the replicas, where that is lost. */
  lagMs: number;
};
export type HaRound = { round: number; seed: number; fault: HaFault; storm: StormPlan & { lastsMs: number } };

/** Shoppers come for this time after the fault is over: what comes back must sell, too. */
const afterwardsMs = 1500;
/** A failover takes 2 to 6 s, a second one waits for Sentinel's own patience. */
const leastMs = { 'second-failover': 13_000 } as Partial<Record<HaKind, number>>;
const ticketsPerSecond = 60;

/**
 * The rounds 1 to `count` of a seed; a longer run begins with the same rounds. Each shuffled deck is dealt to its end: a
 * run of as many rounds as there are cards sees each fault, and no two faults are ever more than one round apart in number.
 */
export function planHaRounds(seed: number, count: number): HaRound[] {
  const dealer = createRandom(seedFor(seed, 0));
  const decks = Math.ceil(count / kinds.length);
  const dealt = Array.from({ length: decks }, () => dealer.shuffle(kinds)).flat();
  return dealt.slice(0, count).map((kind, index) => {
    const round = index + 1;
    const roundSeed = seedFor(seed, round);
    const random = createRandom(roundSeed);
    const fault = timed(kind, random);
    return { round, seed: roundSeed, fault, storm: stormOf(fault, random) };
  });
}

function timed(kind: HaKind, random: Random): HaFault {
  const [min, max] = cards[kind].forMs;
  return {
    kind,
    afterMs: random.int(1200, 2200),
    forMs: random.int(min, max),
    process: random.pick(
      kind === 'zookeeper-link' ? ['service-1', 'service-2', 'gateway-1'] : ['service-1', 'service-2'],
    ),
    pick: random.int(0, 5),
    lagMs: random.int(5, 60),
  };
}

/** Most rounds have units left at their end, so that the time without a sale can be seen; the others sell out on the way. */
function stormOf({ kind, afterMs, forMs }: HaFault, random: Random): HaRound['storm'] {
  const lastsMs = Math.max(leastMs[kind] ?? 6500, afterMs + forMs + afterwardsMs);
  const tickets = Math.round((lastsMs / 1000) * ticketsPerSecond);
  const demand = random.pick([0.6, 0.6, 0.8, 1.3]);
  const isSlowDrain = kind === 'queue-primary' || kind.startsWith('postgres') || random.chance(0.2);
  return {
    units: Math.round((tickets * 1.5) / demand),
    limitPerUser: random.int(1, 3),
    tickets,
    users: Math.round(tickets * 0.9),
    arriveMs: lastsMs - 500,
    peaksMs: [afterMs],
    peakShare: 0.15,
    drainPerSecond: isSlowDrain ? random.int(60, 120) : 500,
    lastsMs,
  };
}

/** The fault in a few words: for a test's title and the report. */
export function describeHaFault({ kind, afterMs, forMs, process }: HaFault): string {
  const who = kind === 'primary-split' || kind === 'zookeeper-link' ? ` (${process})` : '';
  return `${kind}${who} at ${afterMs} ms${forMs === 0 ? '' : ` for ${forMs} ms`}`;
}
