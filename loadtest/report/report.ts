/** One load test, as it is kept: the JSON file, and what the HTML page shows. Additions only; a change raises `version`. */
export type Report = {
  version: 1;
  kind: string;
  saleId: string;
  /** ISO 8601 UTC: when the first request was to leave. */
  startedAt: string;
  /** Of load; the charts go on until the last order was stored. */
  loadSeconds: number;
  parameters: Record<string, string | number>;
  machine: Record<string, string | number>;
  commit: string;
  totals: Totals;
  /** The crowd's way to a ticket, and the press. None where the kind has no such phases; no tickets where they were minted. */
  phases: Phase[];
  routes: RouteRow[];
  /** Seconds since `startedAt`, the charts' common axis; each point stands for `pointSeconds`. */
  time: number[];
  pointSeconds: number;
  charts: Chart[];
  marks: Mark[];
  thresholds: Threshold[];
  audit: { balanced: boolean; checks: { invariant: string; holds: boolean; says: string }[] } | null;
  /** What a reader must know to read the figures right. */
  notes: string[];
};

export type Totals = {
  requests: number;
  /** By k6's own count; another number than `requests` when a script made a request that it did not tell of. */
  requestsByK6: number | null;
  /** Work that k6 was to begin and could not, for want of virtual users. */
  dropped: number;
  perSecondMean: number;
  perSecondMost: number;
  /** Purchases answered 202, replays of the same purchase among them. */
  accepted: number;
  /** Buyers who came while no shopper had a ticket for them. */
  emptyHanded: number;
  units: number;
  sold: number;
  stored: number;
};

/** Latencies in ms, of single requests as k6 saw them; seconds are since `startedAt`, from the first answer to the last. */
export type Phase = {
  /** `tickets`: a challenge and a ticket for each shopper. `press`: the purchases. */
  name: 'tickets' | 'press';
  fromSeconds: number;
  toSeconds: number;
  requests: number;
  perSecondMean: number;
  perSecondMost: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
  /** Requests by the code of their refusal. */
  refused: Record<string, number>;
  /**
   * Of the phase `tickets`: shoppers who were to ask, who asked (k6 may begin fewer), those who got a ticket, the others by what they were refused, and ms from
   * the first question to the ticket, waits included.
   */
  shoppers: {
    planned: number;
    asked: number;
    got: number;
    missed: Record<string, number>;
    way: { p50: number; p90: number; p99: number; max: number };
  } | null;
};

/** Durations in ms, as k6 saw them. */
export type RouteRow = {
  route: string;
  count: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
  outcomes: Record<string, number>;
};

export type Chart = { title: string; unit: string; series: { label: string; values: (number | null)[] }[] };
/** `at`: seconds since the start. */
export type Mark = { at: number; label: string };
export type Threshold = { name: string; holds: boolean; says: string };
