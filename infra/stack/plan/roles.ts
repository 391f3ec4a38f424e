/** What the stack is made of, in the order in which `seckill status` lists it. */
export const roles = [
  'edge',
  'gateway',
  'seckill-service',
  'order-worker',
  'cdc',
  'payment-sandbox',
  'stock-redis',
  'queue-redis',
  'sentinel',
  'zookeeper',
  'postgres',
] as const;
export type Role = (typeof roles)[number];

/** The servers that our own processes stand on. */
export type ServerRole = 'stock-redis' | 'queue-redis' | 'zookeeper' | 'postgres';

export type StopStep = { signal: NodeJS.Signals; withinMs: number };

/** The tiers, in the order in which they stop. */
export const tiers = [1, 2, 3, 4] as const;
type Tier = (typeof tiers)[number];

type Ending = {
  /** Tier 1 stops first; within a tier all stop at once. */
  tier: Tier;
  /** Signals of an orderly stop, one after the other; SIGKILL follows the last. */
  steps: readonly StopStep[];
  /** What the kernel sends when the supervisor is gone: the quickest signal that still ends it in order. */
  onSupervisorDeath: NodeJS.Signals;
};

const onTerm: Ending['steps'] = [{ signal: 'SIGTERM', withinMs: 15_000 }];
/** A replica that was just filled writes its first append-only file, and forgets a SIGTERM until that is done. */
const onTermAgain: Ending['steps'] = [1_000, 2_000, 4_000, 8_000].map((withinMs) => ({ signal: 'SIGTERM', withinMs }));

export const endings: Record<Role, Ending> = {
  // SIGQUIT lets requests finish; an idle keep-alive or a stream of events must not hold the stop for long.
  edge: {
    tier: 1,
    steps: [
      { signal: 'SIGQUIT', withinMs: 2_000 },
      { signal: 'SIGTERM', withinMs: 3_000 },
    ],
    onSupervisorDeath: 'SIGTERM',
  },
  gateway: { tier: 2, steps: onTerm, onSupervisorDeath: 'SIGTERM' },
  'seckill-service': { tier: 2, steps: onTerm, onSupervisorDeath: 'SIGTERM' },
  'order-worker': { tier: 2, steps: onTerm, onSupervisorDeath: 'SIGTERM' },
  cdc: { tier: 2, steps: onTerm, onSupervisorDeath: 'SIGTERM' },
  // After the worker, which may be asking it.
  'payment-sandbox': { tier: 4, steps: onTerm, onSupervisorDeath: 'SIGTERM' },
  // Before the servers that it watches: a primary that is stopped in order is no primary that failed.
  sentinel: { tier: 3, steps: onTerm, onSupervisorDeath: 'SIGTERM' },
  'stock-redis': { tier: 4, steps: onTermAgain, onSupervisorDeath: 'SIGTERM' },
  'queue-redis': { tier: 4, steps: onTermAgain, onSupervisorDeath: 'SIGTERM' },
  zookeeper: { tier: 4, steps: onTerm, onSupervisorDeath: 'SIGTERM' },
  // SIGINT: fast shutdown, no waiting for clients. SIGQUIT: immediate, recovery at the next start. Before ZooKeeper, in which
  // Patroni says who stopped in order.
  postgres: {
    tier: 3,
    steps: [
      { signal: 'SIGINT', withinMs: 15_000 },
      { signal: 'SIGQUIT', withinMs: 5_000 },
    ],
    onSupervisorDeath: 'SIGINT',
  },
};
