import type { OpsOverview } from '#contract/ops.ts';
import type { SaleState } from '#contract/sale.ts';

/**
 * One sale at one second, the columns of {@link saleColumns}: counters since the processes started, or null where nobody
 * answered. A tuple, because an hour of them is kept and sent.
 */
export type SalePoint = (number | null)[];

/**
 * `arrived` to `passed`: requests, by the edges' metrics. `accepted` to `expired`: units. `accepted`: granted so far,
 * whatever came back. `queued`: accepted and not stored yet. `lagMs`: age of the oldest order that no relay has moved.
 */
export const saleColumns = [
  'arrived',
  'passed',
  'accepted',
  'queued',
  'stored',
  'free',
  'paid',
  'expired',
  'lagMs',
] as const;
export type SaleColumn = (typeof saleColumns)[number];

/** Requests shed so far, by reason; null while no edge answers. */
export type Shed = Record<string, number> | null;

/** `[Unix ms, point, shed]`: what history keeps of a sale. */
export type SaleMoment = [at: number, point: SalePoint, shed: Shed];

export type SaleNow = {
  saleId: string;
  title: string;
  state: SaleState;
  /** By ZooKeeper, which the edges follow, and by stock Redis, which decides. */
  epoch: number;
  stockEpoch: number | null;
  total: number | null;
  free: number | null;
  outbox: number | null;
  /** Why the system itself paused the sale. */
  fault: string | null;
  opensAt: string;
  closesAt: string;
};

export type EdgeNow = {
  edgeId: string;
  epochs: Record<string, number>;
  settingsVersion: number;
  /** The limits that it follows, by name; empty of one that has not said. */
  limits: Record<string, number>;
  maintenance: boolean;
  keyIds: string[];
  /** It makes tickets itself; else its gateway does, at many times the cost. */
  hasOffice: boolean;
  silentSince: string | null;
  appliedAt: string;
};

/** What one second told: the data of each `tick` event. */
export type Tick = {
  at: number;
  sales: SaleNow[];
  /** Sales that are not shown, because there are too many. */
  leftOut: number;
  edges: EdgeNow[];
  drain: OpsOverview['drain'];
  deadLetters: OpsOverview['deadLetters'];
  moments: Record<string, SaleMoment>;
  /** What did not answer, which server with replicas is missing one, and what is wrong with the copy for the data team: in words. */
  unknown: string[];
};
