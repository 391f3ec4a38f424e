import { rm } from 'node:fs/promises';
import { runDirectory } from '#infra/stack/host/run-directory.ts';
import type { Settings } from '#infra/stack/plan/plan.ts';
import { describeEvent, type Stack, startStack } from '#infra/stack/stack.ts';
import { readState } from '#infra/stack/supervise/state-file.ts';
import { keepLogs, privateRunDir, removeAbandoned } from './private-run.ts';

/** A private stack with several edges, for tests and benchmarks: three nginx, three gateways, one of everything else. */
export type SeveralEdges = {
  stack: Stack;
  /** The process of that name (`edge-2`, `gateway-2`, `zookeeper`, …) as it runs now; null while it is down. */
  pidOf: (process: string) => number | null;
  /** Stops everything and removes it; the logs stay in `.run/last-edges-logs`. */
  close: () => Promise<void>;
};

export async function startSeveralEdges(
  options: { edges?: number; services?: number; settings?: Settings } = {},
): Promise<SeveralEdges> {
  const { edges = 3, services = 1, settings = {} } = options;
  await removeAbandoned();
  const dir = privateRunDir('edges');
  const events: string[] = [];
  const clean = async () => {
    await keepLogs(dir, 'last-edges-logs');
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const onEvent: Parameters<typeof startStack>[0]['onEvent'] = (event) => events.push(describeEvent(event));
    const stack = await startStack({ dir, port: 'any', edges, services, settings, environment: process.env, onEvent });
    const paths = runDirectory(dir);
    return {
      stack,
      pidOf: (process) => readState(paths)?.processes.find(({ name }) => name === process)?.pid ?? null,
      close: async () => {
        await stack.stop();
        await clean();
      },
    };
  } catch (error) {
    await clean();
    throw new Error(`the stack did not come up:\n${events.join('\n')}`, { cause: error });
  }
}
