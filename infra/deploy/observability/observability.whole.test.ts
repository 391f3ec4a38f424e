import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { poll } from '#lab/poll.ts';
import { type Prometheus, startPrometheus } from '#lab/servers/prometheus.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { requireProgram } from '../../stack/host/binaries.ts';
import { alertNames, expressionsOf, metricNamesIn } from './read-rules.ts';

// promtool takes a core for seconds.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const here = import.meta.dirname;
const dir = temporaryDirectory('prometheus');
const path = process.env.PATH ?? '';
const run = promisify(execFile);
const read = (file: string) => readFile(join(here, file), 'utf8');

let prometheus: Prometheus;

beforeAll(async () => {
  prometheus = await startPrometheus({ dir, stackDir: stackUnderTest().dir, rules: await read('alerts.yml') });
});
afterAll(() => prometheus?.stop());
const ask = <T>(question: string) => prometheus.ask<T>(question);

/** Two, so that one of them takes no machine for long. */
const caseFiles = ['alerts.test.yml', 'alerts-servers.test.yml'];

test.each(caseFiles)('each alarm fires on its trouble and is silent beside it: %s', async (name) => {
  await run(requireProgram('promtool', path), ['test', 'rules', join(here, name)], { cwd: here });
});

test('promtool accepts the rules, and each alarm has a case of both kinds', async () => {
  const promtool = requireProgram('promtool', path);
  await run(promtool, ['check', 'config', '--syntax-only', join(here, 'prometheus.yml')]);
  await run(promtool, ['check', 'rules', join(here, 'alerts.yml')]);
  const cases = (await Promise.all(caseFiles.map(read))).join('\n');
  for (const name of alertNames(await read('alerts.yml'))) {
    expect(cases).toContain(`name: ${name} fires\n`);
    expect(cases).toContain(`name: ${name} is silent\n`);
  }
});

test('every metric of the rules and of the dashboard is one that the running stack exports', async () => {
  const known = Object.keys(await ask<Record<string, unknown>>('metadata'));
  const missing = (text: string) =>
    metricNamesIn(text).filter(
      (name) => !known.includes(name) && !known.includes(name.replace(/_(bucket|sum|count)$/, '')),
    );
  expect(known).toContain('seckill_edge_requests_total');
  expect(missing(await read('alerts.yml'))).toEqual([]);
  expect(missing(expressionsOf(await read('grafana-dashboard.json')).join('\n'))).toEqual([]);
});

test('a real Prometheus evaluates every rule without an error', async () => {
  const names = alertNames(await read('alerts.yml'));
  const rules = await poll('every rule to be evaluated', async () => {
    const { groups } = await ask<{ groups: { rules: { name: string; health: string; lastError?: string }[] }[] }>(
      'rules',
    );
    const all = groups.flatMap((group) => group.rules);
    return all.every(({ health }) => health !== 'unknown') && all;
  });
  expect(rules.map(({ name }) => name).sort()).toEqual([...names].sort());
  expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
});

test('every query of the dashboard is one that Prometheus answers', async () => {
  for (const expression of expressionsOf(await read('grafana-dashboard.json'))) {
    const query = expression.replaceAll('$__rate_interval', '1m').replaceAll('$sale', '.*');
    await ask(`query?query=${encodeURIComponent(query)}`);
  }
});
