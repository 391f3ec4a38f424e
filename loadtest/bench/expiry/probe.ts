import { setTimeout as wait } from 'node:timers/promises';
import type { Pool } from 'pg';

export type Second = { at: number; transactions: number; active: number; probeP50: number; probeP99: number };

/** What the probe felt, in ms, and how busy PostgreSQL was, over a span of time. */
export type Seen = {
  probes: number;
  probeP50: number;
  probeP99: number;
  transactionsPerSecond: number;
  mostTransactionsPerSecond: number;
  mostActiveBackends: number;
};

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Looks at PostgreSQL as somebody else who uses it: a row by its key every 20 ms, and once a second how busy it is. */
export function startProbe(pool: Pool, orderIds: readonly string[]) {
  const latencies: { at: number; ms: number }[] = [];
  const seconds: Second[] = [];
  let isOver = false;

  async function ask(): Promise<void> {
    while (!isOver) {
      const from = performance.now();
      const id = orderIds[Math.floor(Math.random() * orderIds.length)];
      await pool.query({ name: 'probe', text: 'SELECT state, pay_by FROM orders WHERE id = $1', values: [id] });
      latencies.push({ at: Date.now(), ms: performance.now() - from });
      await wait(20);
    }
  }

  const busy = async () => {
    const { rows } = await pool.query<{ transactions: number; active: number }>(
      `SELECT (SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database())::int AS transactions,
              (SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid())::int AS active`,
    );
    return rows[0] ?? { transactions: 0, active: 0 };
  };

  async function watch(): Promise<void> {
    let [last, lastAt] = [await busy(), Date.now()];
    while (!isOver) {
      await wait(1000);
      const [now, at] = [await busy(), Date.now()];
      const mine = latencies.filter((each) => each.at > lastAt).map(({ ms }) => ms);
      seconds.push({
        at,
        transactions: ((now.transactions - last.transactions) * 1000) / (at - lastAt),
        active: now.active,
        probeP50: percentile(mine, 0.5),
        probeP99: percentile(mine, 0.99),
      });
      [last, lastAt] = [now, at];
    }
  }

  const running = Promise.all([ask(), watch()]);
  return {
    /** What was seen from one moment to another, Unix ms. */
    between(from: number, to: number): Seen {
      const seen = latencies.filter(({ at }) => at >= from && at < to).map(({ ms }) => ms);
      const busySeconds = seconds.filter(({ at }) => at >= from && at < to);
      return {
        probes: seen.length,
        probeP50: percentile(seen, 0.5),
        probeP99: percentile(seen, 0.99),
        transactionsPerSecond: percentile(
          busySeconds.map(({ transactions }) => transactions),
          0.5,
        ),
        mostTransactionsPerSecond: Math.max(...busySeconds.map(({ transactions }) => transactions)),
        mostActiveBackends: Math.max(...busySeconds.map(({ active }) => active)),
      };
    },
    seconds,
    async stop(): Promise<void> {
      isOver = true;
      await running;
    },
  };
}
