import { metricNames } from '#contract/metric-names.ts';
import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { Gauge, type Registry } from '#runtime/metrics.ts';
import { type PostgresServer, readPostgresTopology } from '#runtime/postgres/topology.ts';

const usuallyEveryMs = 10_000;

/** What the primary says of its standbys and slots, as Prometheus has it. */
export type StandbySight = {
  isWanted: boolean;
  synchronous: number;
  asynchronous: number;
  /** This user may not see what they are: it needs the role pg_monitor. */
  untold: number;
  lags: { standby: string; bytes: number | null; seconds: number | null }[];
  slots: { slot: string; bytes: number | null; leftBytes: number | null }[];
};

/** A standby is wanted where the URL names several hosts, or a commit waits for one. Null: no primary was reached. */
export function standbySight(servers: readonly PostgresServer[]): StandbySight | null {
  const primary = servers.find((server) => server.kind === 'primary');
  if (primary === undefined) return null;
  const streaming = primary.standbys.filter(({ state }) => state === 'streaming');
  const synchronous = streaming.filter(({ sync }) => sync === 'sync' || sync === 'quorum').length;
  return {
    isWanted: servers.length > 1 || primary.waitsFor !== '',
    synchronous,
    asynchronous: streaming.length - synchronous,
    untold: primary.standbys.filter(({ state }) => state === null).length,
    lags: primary.standbys.map(({ name, lagBytes, lagSeconds }) => ({
      standby: name,
      bytes: lagBytes,
      seconds: lagSeconds,
    })),
    slots: primary.slots.map(({ name, keptBytes, safeBytes, walStatus }) => ({
      slot: name,
      bytes: keptBytes,
      leftBytes: walStatus === 'lost' ? 0 : safeBytes,
    })),
  };
}

/** Tells the metrics of PostgreSQL's standbys and slots. While no primary answers they keep what they said, but for the standbys: none. */
export function watchPostgresStandbys(deps: {
  url: string;
  registers: Registry[];
  logger: Logger;
  everyMs?: number;
}): Loop {
  const { url, registers, logger, everyMs = usuallyEveryMs } = deps;
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  const wanted = gauge(
    metricNames.postgresStandbyWanted,
    '1 where a commit shall be on two disks: several hosts are named, or the primary waits for a standby',
  );
  const standbys = gauge(
    metricNames.postgresStandbys,
    'Standbys that stream from the primary: synchronous, which a commit may wait for, asynchronous, or untold to a user without pg_monitor',
    ['state'],
  );
  const lagBytes = gauge('seckill_postgres_lag_bytes', 'What a standby does not have on its disk yet', ['standby']);
  const lagSeconds = gauge('seckill_postgres_lag_seconds', 'How old that is', ['standby']);
  const slotBytes = gauge(metricNames.postgresSlotBytes, 'WAL that a slot keeps on the disk of the primary', ['slot']);
  const slotLeft = gauge(
    metricNames.postgresSlotLeftBytes,
    'How much more a slot may keep until its reader has to begin anew; 0 when it is lost, no value without a limit',
    ['slot'],
  );
  return startLoop({
    name: 'postgres standbys',
    everyMs,
    logger,
    pass: async () => {
      const sight = standbySight(await readPostgresTopology(url));
      standbys.set({ state: 'synchronous' }, sight?.synchronous ?? 0);
      standbys.set({ state: 'asynchronous' }, sight?.asynchronous ?? 0);
      standbys.set({ state: 'untold' }, sight?.untold ?? 0);
      if (sight === null) return 'idle';
      wanted.set(sight.isWanted ? 1 : 0);
      for (const each of [lagBytes, lagSeconds, slotBytes, slotLeft]) each.reset(); // of those that are gone
      for (const { standby, bytes, seconds } of sight.lags) {
        if (bytes !== null) lagBytes.set({ standby }, bytes);
        if (seconds !== null) lagSeconds.set({ standby }, seconds);
      }
      for (const { slot, bytes, leftBytes } of sight.slots) {
        if (bytes !== null) slotBytes.set({ slot }, bytes);
        if (leftBytes !== null) slotLeft.set({ slot }, leftBytes);
      }
      return 'idle';
    },
  });
}
