import { Counter, Gauge, type Registry } from '#runtime/metrics.ts';
import type { Answer } from './answer.ts';

/** What Prometheus is told of each subscriber. Gauges come from the database and the queue: every process says the same. */
export type SubscriberMetrics = ReturnType<typeof createSubscriberMetrics>;

export function createSubscriberMetrics(registry: Registry) {
  const registers = [registry];
  const labelNames = ['subscriber'] as const;
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers });
  const answers = new Counter({
    name: 'seckill_subscriber_answers_total',
    help: 'Requests to a subscriber by this process, by what came back: 2xx, 3xx, 4xx, 5xx, timeout, network, inner',
    labelNames: ['subscriber', 'answer'],
    registers,
  });
  const events = new Counter({
    name: 'seckill_subscriber_events_delivered_total',
    help: 'Events that a subscriber took from this process, replays included',
    labelNames,
    registers,
  });
  const gauges = {
    backlog: gauge('seckill_subscriber_backlog_orders', 'Orders of which something waits for the subscriber'),
    oldest: gauge('seckill_subscriber_oldest_seconds', 'Age of the oldest event that waits, 0 when none does'),
    dead: gauge('seckill_subscriber_dead_letters', 'Orders that were given up on: see seckill dlq list'),
    paused: gauge('seckill_subscriber_paused', '1 while the subscriber is paused'),
    failing: gauge('seckill_subscriber_failing', '1 while nothing gets through to it, and it is not paused'),
  };

  return {
    answered(subscriber: string, answer: Answer, count: number): void {
      const what = 'status' in answer ? `${Math.floor(answer.status / 100)}xx` : answer.why;
      answers.inc({ subscriber, answer: what });
      if (answer.kind === 'delivered') events.inc({ subscriber }, count);
    },
    state(subscriber: string, values: Record<keyof typeof gauges, number>): void {
      for (const [name, each] of Object.entries(gauges)) {
        each.set({ subscriber }, values[name as keyof typeof gauges]); // the table's own keys
      }
    },
    forget(subscriber: string): void {
      for (const each of Object.values(gauges)) each.remove({ subscriber });
    },
  };
}
