import { rm } from 'node:fs/promises';
import type { TestProject } from 'vitest/node';
import { describeEvent, type Stack, startStack } from '#infra/stack/stack.ts';
import { keepLogs, privateRunDir, removeAbandoned } from './private-run.ts';
import './stack-under-test.ts';

/**
 * Brings one private stack up for the projects of a vitest run, hands its addresses to the tests, and takes it down.
 * Both projects of one run share it: the last one to finish stops it. Its logs stay in `.run/last-test-logs`.
 */
type Shared = { stack: Promise<Stack>; users: number };
// vitest loads this file once a project; what they share hangs on the process.
const holder: typeof globalThis & { [key: symbol]: Shared | undefined } = globalThis;
const key = Symbol.for('seckill.stack-under-test');

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = holder[key] ?? { stack: start(), users: 0 };
  holder[key] = shared;
  shared.users += 1;
  const stack = await shared.stack;
  project.provide('stack', {
    dir: stack.dir,
    edgeUrl: stack.edgeUrl,
    edgeInnerUrl: stack.edgeInnerUrl,
    env: stack.environment,
  });
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    holder[key] = undefined;
    await stack.stop();
    await keepLogs(stack.dir, 'last-test-logs');
    await rm(stack.dir, { recursive: true, force: true });
  };
}

async function start(): Promise<Stack> {
  await removeAbandoned('test');
  const dir = privateRunDir('test');
  const events: string[] = [];
  try {
    return await startStack({
      dir,
      port: 'any',
      environment: process.env,
      onEvent: (event) => events.push(describeEvent(event)),
    });
  } catch (error) {
    await keepLogs(dir, 'last-test-logs');
    process.stderr.write(`${events.join('\n')}\n`);
    throw error;
  }
}
