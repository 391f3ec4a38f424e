/** The kinds of load test, as `seckill loadtest <kind>` names them. */
export const loadKinds = ['smoke', 'peak', 'soak', 'bots', 'rehearsal'] as const;
export type LoadKind = (typeof loadKinds)[number];

/**
 * Where the shoppers' tickets come from. `edge`: each asks for a challenge, answers it and gets a ticket, as the page does.
 * `minted`: the command signed them before. `own`: the script has its own way, or needs none.
 */
export type TicketSource = 'edge' | 'minted' | 'own';

/** Everything that a k6 script needs to know. It reaches k6 as JSON in an environment variable; nothing in it is secret. */
export type Plan = {
  kind: LoadKind;
  /** Origin of the edge, without a slash at its end. */
  edgeUrl: string;
  saleId: string;
  /** Where k6 asks when it may begin (loadtest/run/gate.ts); every scenario's own `startTime` counts from then. */
  gateUrl: string;
  /** What a visit asks for, in order: a page, its assets, the sale. */
  visit: string[];
  tickets: TicketSource;
  /** A line a shopper: the ticket (`minted`) or the user's id (`edge`), a space, the session's token. Null when the script needs none. */
  shoppersFile: string | null;
  /** Where k6 writes its own summary. */
  summaryFile: string;
  /** Whether the stack takes no real money: then smoke pays, too. */
  pays: boolean;
  behaviour: Behaviour;
  scenarios: Record<string, Scenario>;
  /** Source addresses of the virtual users, as k6's `localIPs` takes them; null for this machine's own. */
  localIps: string | null;
};

/** Shares, from 0 to 1. */
export type Behaviour = {
  /** Of the buyers: press twice at once. */
  doubleClick: number;
  /** Of those who are told "sold out": press again, up to three times. */
  pressAgain: number;
  /** Of the winners: ask for their order every second until it is made. */
  poll: number;
};

type Common = { exec: string; startTime?: string; gracefulStop?: string };
type Vus = { preAllocatedVUs: number; maxVUs: number };

/** The two executors of k6 that start work by the clock, whether earlier work is done or not, and a plain loop. */
export type Scenario = Common &
  (
    | ({ executor: 'constant-arrival-rate'; rate: number; timeUnit: '1s'; duration: string } & Vus)
    | ({ executor: 'ramping-arrival-rate'; startRate: number; timeUnit: '1s'; stages: Stage[] } & Vus)
    | { executor: 'constant-vus'; vus: number; duration: string }
  );

export type Stage = { duration: string; target: number };

/** Seconds, as k6 writes durations. */
export const seconds = (count: number): string => `${Math.round(count * 1000)}ms`;

/** Arrivals of a ramping scenario, from start to end: the area under its line. */
export function arrivalsOf(startRate: number, stages: readonly Stage[]): number {
  let rate = startRate;
  let sum = 0;
  for (const { duration, target } of stages) {
    sum += ((rate + target) / 2) * (Number.parseInt(duration, 10) / 1000);
    rate = target;
  }
  return sum;
}
