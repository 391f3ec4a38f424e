import { createRandom, type Random, seedFor } from '#lab/random.ts';
import type { ProxyMode } from '#lab/servers/tcp-proxy.ts';
import type { ServerRole } from '../stack/stack.ts';

/** What a round breaks. `service` is one of the seckill-services, drawn when it is dealt. */
export type Victim =
  | 'stock-redis'
  | 'queue-redis'
  | 'postgres'
  | 'zookeeper'
  | 'edge'
  | 'service'
  | 'gateway'
  | 'worker'
  | 'cdc'
  | 'provider';
export type LinkFault = Exclude<ProxyMode, 'pass' | 'held' | 'lost'>;
export type Card =
  | { kind: 'kill' | 'freeze'; victim: Victim }
  | { kind: LinkFault; victim: ServerRole }
  | { kind: 'flush' | 'lose-timers'; victim: 'queue-redis' }
  | { kind: 'out-of-memory'; victim: 'stock-redis' | 'queue-redis' }
  | { kind: 'disk-full' | 'no-replicas'; victim: 'stock-redis' }
  | { kind: 'sink-away'; victim: 'cdc' };
export type FaultKind = Card['kind'];

/** A card with its moment: ms after the storm's begin, and for how long (where that means something). */
export type Fault = Card & {
  afterMs: number;
  forMs: number;
  /** Which of our processes meets it: of several services the killed one; of a link its user, or all of them. */
  process: string;
  delayMs: number;
};

export type StormPlan = {
  units: number;
  limitPerUser: number;
  tickets: number;
  users: number;
  /** Shoppers come within that time, but for a share (two thirds unless set) that comes at the moments of the faults. */
  arriveMs: number;
  peaksMs: number[];
  peakShare?: number;
  /** No shopper asks again after that time; 4 s unless set. */
  lastsMs?: number;
  /** A slow drain leaves orders in the queue for a fault to meet. */
  drainPerSecond: number;
};
export type RoundPlan = {
  round: number;
  seed: number;
  faults: Fault[];
  storm: StormPlan;
  /** Every second round, and each that loses timers: orders are paid, cancelled, refunded and expire, and the payment provider misbehaves. */
  isLife: boolean;
};

export const victims: readonly Victim[] = [
  'stock-redis',
  'queue-redis',
  'postgres',
  'zookeeper',
  'edge',
  'service',
  'gateway',
  'worker',
  'cdc',
  'provider',
];
/** Which of our processes use the server: a link is cut for all of them, or for one. */
const usersOf: Record<ServerRole, string[]> = {
  'stock-redis': ['service-1', 'service-2', 'gateway-1', 'worker-1'],
  'queue-redis': ['service-1', 'service-2', 'worker-1'],
  zookeeper: ['service-1', 'service-2', 'gateway-1', 'worker-1', 'cdc-1'],
  postgres: ['service-1', 'service-2', 'gateway-1', 'worker-1', 'cdc-1'],
};
const servers = Object.keys(usersOf) as ServerRole[]; // the table's own keys
const linkFaults: LinkFault[] = ['cut', 'delay', 'half-open', 'drop-replies'];

/** Every victim with every fault that it can have. */
export const cards: readonly Card[] = [
  ...victims.flatMap((victim): Card[] => [
    { kind: 'kill', victim },
    { kind: 'freeze', victim },
  ]),
  ...servers.flatMap((victim) => linkFaults.map((kind): Card => ({ kind, victim }))),
  { kind: 'flush', victim: 'queue-redis' },
  { kind: 'lose-timers', victim: 'queue-redis' },
  { kind: 'out-of-memory', victim: 'stock-redis' },
  { kind: 'out-of-memory', victim: 'queue-redis' },
  { kind: 'disk-full', victim: 'stock-redis' },
  { kind: 'no-replicas', victim: 'stock-redis' },
  { kind: 'sink-away', victim: 'cdc' },
];

/**
 * The rounds 1 to `count` of a seed; a longer run begins with the same rounds. Cards are dealt from a shuffled deck,
 * two in each second round, so 30 rounds (45 cards) see every victim with every one of its faults. `among`: the deck has the
 * cards of these victims alone.
 */
export function planRounds(seed: number, count: number, among: readonly Victim[] = victims): RoundPlan[] {
  const dealer = createRandom(seedFor(seed, 0));
  const chosen = cards.filter(({ victim }) => among.includes(victim));
  let deck: Card[] = [];
  const deal = (): Card => {
    if (deck.length === 0) deck = dealer.shuffle(chosen);
    const [card, ...rest] = deck;
    if (card === undefined) throw new Error('there are no cards');
    deck = rest;
    return card;
  };
  return Array.from({ length: count }, (_, index) => {
    const round = index + 1;
    const roundSeed = seedFor(seed, round);
    const random = createRandom(roundSeed);
    const dealt = round % 2 === 0 ? [deal(), deal()] : [deal()];
    const faults = dealt.map((card) => timed(card, random));
    const isLife = round % 2 === 0 || faults.some(({ kind }) => kind === 'lose-timers');
    return { round, seed: roundSeed, faults, storm: stormPlan(faults, random), isLife };
  });
}

function timed(card: Card, random: Random): Fault {
  const afterMs = random.int(50, 1400);
  const forMs = random.int(300, 3000);
  const delayMs = random.int(50, 1500);
  const isForAll = random.chance(0.5);
  const service = random.pick(['service-1', 'service-2']);
  return { ...card, afterMs, forMs, delayMs, process: processOf(card, service, isForAll, random) };
}

function processOf(card: Card, service: string, isForAll: boolean, random: Random): string {
  if (isLinkCard(card)) return isForAll ? 'all' : random.pick(usersOf[card.victim]);
  const names: Partial<Record<Victim, string>> = {
    service,
    gateway: 'gateway-1',
    worker: 'worker-1',
    cdc: 'cdc-1',
    provider: 'payment-sandbox-1',
  };
  return names[card.victim] ?? card.victim;
}

export function isLinkCard(card: Card): card is Extract<Card, { kind: LinkFault }> {
  return linkFaults.some((kind) => kind === card.kind);
}

/** Demand from well below the stock to four times as much: faults meet a sale in every stage of its life. */
function stormPlan(faults: readonly Fault[], random: Random): StormPlan {
  const isInChunk = faults.some(meetsChunk);
  const tickets = random.int(isInChunk ? 400 : 200, 500);
  const demand = random.pick([0.6, 1.2, 2, 4]);
  return {
    units: Math.max(40, Math.round(tickets / demand)),
    limitPerUser: random.int(1, 3),
    tickets,
    users: Math.round(tickets * 0.7),
    arriveMs: 2500,
    peaksMs: faults.map(({ afterMs }) => afterMs),
    ...(isInChunk ? { peakShare: 0.9 } : {}),
    drainPerSecond: random.pick(isInChunk ? [100, 40] : [500, 500, 100, 40]),
  };
}

/**
 * A fault that waits until a worker is in the middle of a chunk: then nearly all come at once, and the drain is slow, so that
 * chunks are large and long in hand.
 */
export function meetsChunk({ kind, victim }: Card): boolean {
  return kind === 'flush' || (kind === 'kill' && (victim === 'worker' || victim === 'queue-redis'));
}

/** The fault in a few words: for a test's title and the report. */
export function describeFault({ kind, victim, process, afterMs, forMs, delayMs }: Fault): string {
  const who = process === victim ? victim : isServer(victim) ? `${victim} (${process})` : process;
  const how = kind === 'delay' ? `delay ${delayMs} ms` : kind;
  const isInstant = kind === 'kill' || kind === 'flush' || kind === 'lose-timers';
  return `${how} ${who} at ${afterMs} ms${isInstant ? '' : ` for ${forMs} ms`}`;
}

function isServer(victim: Victim): boolean {
  return servers.some((server) => server === victim);
}
