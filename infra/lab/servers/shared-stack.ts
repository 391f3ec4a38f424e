import { rm } from 'node:fs/promises';
import type { TestProject } from 'vitest/node';
import type { Settings } from '#infra/stack/plan/plan.ts';
import { describeEvent, type Stack, startStack } from '#infra/stack/stack.ts';
import { startIdentityProvider } from '../../../examples/identity-provider/identity-provider.ts';
import { keepLogs, privateRunDir } from './private-run.ts';
import { share } from './shared.ts';
import './stack-under-test.ts';

const edges = 3;

/** Many short tries: however slowly a busy machine brings the provider back, no refund is given up or waits for minutes. */
const settings: Settings = {
  SECKILL_REFUND_TRIES: '100',
  SECKILL_REFUND_FIRST_WAIT_MS: '200',
  SECKILL_REFUND_LONGEST_WAIT_MS: '3000',
};

/**
 * Global setup of the lanes `whole`, `alone` and `browser`: one stack with three edges for a run of vitest. The tests get
 * its addresses; its logs stay in `.run/last-test-logs`.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { server, release } = await share('stack', start);
  const [edge] = server.edges;
  if (edge === undefined) throw new Error('the stack has no edge');
  project.provide('stack', {
    dir: server.dir,
    edgeUrl: server.edgeUrl,
    edgeInnerUrl: edge.innerUrl,
    edges: server.edges,
    env: server.environment,
    signInUrl: server.signInUrl,
  });
  return release;
}

async function start(): Promise<Stack & { signInUrl: string }> {
  const dir = privateRunDir('test');
  const events: string[] = [];
  const shop = new Set<string>();
  const provider = await startIdentityProvider((origin) => shop.has(origin));
  const { SECKILL_SIGN_IN_URL: signInUrl = '', ...signIn } = provider.settings;
  const clean = async () => {
    await provider.stop();
    await keepLogs(dir, 'last-test-logs');
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const onEvent: NonNullable<Parameters<typeof startStack>[0]['onEvent']> = (event) =>
      events.push(describeEvent(event));
    const all = { ...settings, ...signIn, SECKILL_DEMO_SIGN_IN: 'on' };
    const stack = await startStack({
      dir,
      port: 'any',
      edges,
      cdc: 'files',
      settings: all,
      environment: process.env,
      onEvent,
    });
    shop.add(stack.edgeUrl);
    return {
      ...stack,
      signInUrl,
      stop: async () => {
        await stack.stop();
        await clean();
      },
    };
  } catch (error) {
    await clean();
    process.stderr.write(`${events.join('\n')}\n`);
    throw error;
  }
}
