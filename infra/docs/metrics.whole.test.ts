import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { parseSamples } from '#runtime/prometheus-text.ts';
import { stackStatus } from '../stack/running-stack.ts';
import { readMetricsPage } from './read-metrics-page.ts';

const documented = readMetricsPage();
const processes = ['edge', 'gateway', 'seckill-service', 'order-worker', 'cdc', 'payment-sandbox'];
/** What each process exports, as Prometheus reads it. */
const exported = new Map<string, string>();

beforeAll(async () => {
  const { processes: running } = await stackStatus(stackUnderTest().dir);
  for (const role of processes) {
    const innerUrl = running.find((process) => process.role === role)?.innerUrl ?? '';
    exported.set(
      role,
      await poll(`metrics of ${role}`, async () => {
        const response = await fetch(`${innerUrl}/metrics`);
        return response.ok && response.text();
      }),
    );
  }
});

const typesOf = (text: string) =>
  new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));

describe.each(processes)('docs/metrics.md and a running %s', (role) => {
  const told = documented.get(role);

  test('name the same metrics of ours, of the same types', () => {
    const ours = [...typesOf(exported.get(role) ?? '')].filter(([name]) => name.startsWith('seckill_'));
    expect((told ?? []).map(({ name, type }) => [name, type]).sort()).toEqual(ours.sort());
  });

  test('name the same labels, wherever there is a sample', () => {
    const samples = parseSamples(exported.get(role) ?? '').filter(({ name }) => name.startsWith('seckill_'));
    const wrong = samples.filter(({ name, labels }) => {
      const metric = told?.find((each) => [each.name, `${each.name}_bucket`].includes(name));
      const bucket = metric?.type === 'histogram' ? ['le'] : [];
      return (
        metric !== undefined && Object.keys(labels).some((key) => ![...(metric.labels ?? []), ...bucket].includes(key))
      );
    });
    expect(wrong).toEqual([]);
  });
});

test('what is said of every Node process holds for each of them', () => {
  const told = documented.get('Every Node process') ?? [];
  expect(told.length).toBeGreaterThan(0);
  for (const role of processes.filter((each) => each !== 'edge')) {
    const types = typesOf(exported.get(role) ?? '');
    for (const { name, type } of told) expect([role, name, types.get(name)]).toEqual([role, name, type]);
  }
});

test('no other process of the stack has metrics that nobody documents', async () => {
  const { processes: running } = await stackStatus(stackUnderTest().dir);
  const known = new Set(documented.keys());
  expect(running.filter(({ innerUrl, role }) => innerUrl !== null && !known.has(role))).toEqual([]);
});
