import { Counter, type Registry } from '#runtime/metrics.ts';

export type SandboxMetrics = ReturnType<typeof createSandboxMetrics>;

export function createSandboxMetrics(registers: Registry[]) {
  return {
    calls: new Counter({
      name: 'seckill_sandbox_calls_total',
      help: 'Calls for a payment, its end, a refund or a look at one, by what became of them',
      labelNames: ['call', 'outcome'] as const,
      registers,
    }),
    webhooks: new Counter({
      name: 'seckill_sandbox_webhooks_total',
      help: 'Webhooks sent, by how the merchant answered: taken, refused, unanswered',
      labelNames: ['outcome'] as const,
      registers,
    }),
  };
}
