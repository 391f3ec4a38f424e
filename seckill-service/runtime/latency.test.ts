import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createLatency } from './latency.ts';
import { Histogram } from './metrics.ts';

test('says to Prometheus what its own histogram says', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const bounds = [0.001, 0.01, 0.1];
  const latency = createLatency({ name: 'answer_seconds', help: 'How long', bounds, registers: [ours] });
  const histogram = new Histogram({ name: 'answer_seconds', help: 'How long', buckets: bounds, registers: [theirs] });
  for (const seconds of [0, 0.0005, 0.001, 0.0011, 0.01, 0.05, 0.1, 0.5, 30]) {
    latency.observe(seconds);
    histogram.observe(seconds);
  }
  expect(await ours.metrics()).toBe(await theirs.metrics());
  expect(await ours.metrics()).toContain('answer_seconds_bucket{le="0.001"} 3');
});

test('has every bucket before the first observation, so that a rate over it starts at nothing', async () => {
  const registry = new Registry();
  createLatency({ name: 'answer_seconds', help: 'How long', bounds: [1], registers: [registry] });
  expect(await registry.metrics()).toContain('answer_seconds_bucket{le="+Inf"} 0');
});
