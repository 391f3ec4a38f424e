import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireProgram } from '#infra/stack/host/binaries.ts';
import { isPortFree } from '#infra/stack/host/ports.ts';
import { stackStatus } from '#infra/stack/running-stack.ts';
import { poll } from '../poll.ts';
import { spawnTied } from './tied-process.ts';

const here = join(import.meta.dirname, '../../deploy/observability');

export type Prometheus = Awaited<ReturnType<typeof startPrometheus>>;

/**
 * A real Prometheus with the example's configuration, looking at a running stack once a second. `rules` are alerts.yml, or
 * what a test makes of them. Its files are in `dir`, and gone after `stop`.
 */
export async function startPrometheus(options: { dir: string; stackDir: string; rules: string }) {
  const { dir, stackDir, rules } = options;
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'alerts.yml'), rules);
  await writeFile(join(dir, 'prometheus.yml'), await configurationOf(stackDir));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = spawnTied(
    requireProgram('prometheus', process.env.PATH ?? ''),
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: 'ignore' },
  );
  async function ask<T>(question: string): Promise<T> {
    const response = await fetch(`${url}/api/v1/${question}`);
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${question}: ${error}`);
    return data;
  }
  const stop = async () => {
    await server.end();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await poll('Prometheus to have scraped every process', () => hasScrapedAll(ask), 120_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ask,
    stop,
    /** The labels of an alarm that fires now, for each of its series. */
    firing: async (name: string): Promise<Record<string, string>[]> => {
      const { alerts } = await ask<{ alerts: { labels: Record<string, string>; state: string }[] }>('alerts');
      return alerts
        .filter(({ labels, state }) => labels.alertname === name && state === 'firing')
        .map((it) => it.labels);
    },
  };
}

async function hasScrapedAll(ask: <T>(question: string) => Promise<T>): Promise<boolean> {
  const nothing = { activeTargets: [] as { health: string }[] };
  const { activeTargets } = await ask<typeof nothing>('targets').catch(() => nothing);
  return activeTargets.length >= 4 && activeTargets.every(({ health }) => health === 'up');
}

/** The example's configuration with the inner addresses of the stack in the place of its targets. */
async function configurationOf(stackDir: string): Promise<string> {
  const { processes } = await stackStatus(stackDir);
  const targetsOf = (job: string) =>
    processes.flatMap(({ role, innerUrl }) =>
      role === job && innerUrl !== null ? [`'${new URL(innerUrl).host}'`] : [],
    );
  const example = await readFile(join(here, 'prometheus.yml'), 'utf8');
  return example
    .replace(/(job_name: (\S+)\n\s+static_configs: \[\{targets: \[)[^\]]*/g, (_all, before: string, job: string) => {
      const targets = targetsOf(job);
      if (targets.length === 0) throw new Error(`the stack has no ${job}`);
      return `${before}${targets.join(', ')}`;
    })
    .replace('scrape_interval: 5s', 'scrape_interval: 1s')
    .replace('evaluation_interval: 5s', 'evaluation_interval: 1s');
}

async function freePort(): Promise<number> {
  for (let port = 32_100; port < 32_700; port += 1) if (await isPortFree(port)) return port;
  throw new Error('no free port');
}
