/** What one server is among those of its group, as it says itself or the others say of it. */
export type Part = {
  /** `host:port`. */
  address: string;
  part: 'primary' | 'replica' | 'sentinel' | 'leader' | 'follower' | 'observer' | 'standby' | 'alone' | null;
  /** How far it is behind its primary; null where that is no question, or not told. */
  lag: Lag | null;
  /** What is wrong with it, or null. */
  problem: string | null;
};

export type Lag = {
  /** Of the log of changes; null when it cannot be told. */
  bytes: number | null;
  /** Since it last said how far it is; null when it cannot be told. */
  seconds: number | null;
};

/** Servers that stand for each other. */
export type Group = {
  name: 'stock Redis' | 'queue Redis' | 'ZooKeeper' | 'PostgreSQL';
  /** Who leads, and how many of the others are there: one line. */
  says: string;
  /** What is missing, or stops the sale, each as one line; empty when all is well. */
  problems: string[];
  servers: Part[];
};
