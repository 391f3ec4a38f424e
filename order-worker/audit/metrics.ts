import { Gauge, type Registry } from '#runtime/metrics.ts';

/** What the running audit tells Prometheus; only its leader has samples. */
export function createAuditMetrics(registers: Registry[]) {
  const differences = new Gauge({
    name: 'seckill_audit_differences',
    help: 'Differences that the last audit of a sale found: must stay 0 (exported by the leader)',
    labelNames: ['sale'],
    registers,
  });
  const passedAt = new Gauge({
    name: 'seckill_audit_passed_timestamp_seconds',
    help: 'When the last pass over all sales ended that could audit each of them; 0 for whoever is not the leader',
    registers,
  });
  const skipped = new Gauge({
    name: 'seckill_audit_skipped_sales',
    help: 'Sales, not closed ones, with too many orders to be audited by a running process: seckill audit does it',
    registers,
  });
  return {
    /** Null: this sale is not audited here. */
    audited(sale: string, count: number | null): void {
      if (count === null) differences.remove({ sale });
      else differences.set({ sale }, count);
    },
    /** Null: another process is the leader. */
    passed(pass: { failed: number; skipped: number } | null): void {
      skipped.set(pass?.skipped ?? 0);
      if (pass === null) passedAt.set(0);
      else if (pass.failed === 0) passedAt.setToCurrentTime();
    },
  };
}
