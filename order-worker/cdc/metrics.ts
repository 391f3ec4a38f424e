import { type CdcState, cdcStates } from '#contract/cdc.ts';
import { Counter, Gauge, type Registry } from '#runtime/metrics.ts';
import type { CdcChange } from './port/sink.ts';

/** What a process counts of itself. */
export type CdcMetrics = ReturnType<typeof createCdcMetrics>;

export function createCdcMetrics(registers: Registry[], lagSeconds: () => number) {
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const leader = gauge('seckill_cdc_leader', '1 in the process that writes, 0 in one that stands by');
  const state = gauge('seckill_cdc_state', '1 for what this process is doing', ['state']);
  const stopped = gauge('seckill_cdc_stopped', '1 while nothing is written until a person does something');
  const schemaAhead = gauge(
    'seckill_cdc_schema_ahead',
    '1 where the database publishes columns that this version does not know',
  );
  const changes = counter('seckill_cdc_changes_total', 'Changes that are in the sink, doubles too', ['table', 'op']);
  const failures = counter('seckill_cdc_sink_failures_total', 'Tries to write that the sink did not take');
  const failing = gauge('seckill_cdc_sink_failing_seconds', 'For how long the sink has taken nothing; 0 when it takes');
  const setAside = counter(
    'seckill_cdc_set_aside_total',
    'Rows that the sink refused, and that are in it by their key alone',
  );
  const snapshotRows = gauge('seckill_cdc_snapshot_rows', 'Rows of the snapshot that is under way, or of the last one');
  new Gauge({
    name: 'seckill_cdc_lag_seconds',
    help: 'Age of the oldest change that is not in the sink; 0 where there is none, and in a process that stands by',
    registers,
    collect() {
      this.set(lagSeconds());
    },
  });
  return {
    state: (present: CdcState) => {
      for (const each of cdcStates) state.set({ state: each }, each === present ? 1 : 0);
      leader.set(present === 'standing_by' ? 0 : 1);
      stopped.set(present === 'stopped' ? 1 : 0);
      if (present === 'standing_by') failing.set(0); // another process writes now
    },
    schemaAhead: () => schemaAhead.set(1),
    written: (written: readonly CdcChange[], refused: number) => {
      for (const { table, envelope } of written) changes.inc({ table, op: envelope.op });
      setAside.inc(refused);
      failing.set(0);
    },
    failed: (forSeconds: number) => {
      failures.inc();
      failing.set(forSeconds);
    },
    snapshotRows: (rows: number) => snapshotRows.set(rows),
  };
}
