import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { checkoutDir } from '../run-directory.ts';
import { describeEvent, type Stack, startStack, stopStack } from '../stack.ts';
import './stack-under-test.ts';

/**
 * Brings one private stack up for the projects of a vitest run, hands its addresses to the tests, and takes it down.
 * Both projects of one run share it: the last one to finish stops it. Its logs stay in `.run/last-test-logs`.
 */
const parent = join(checkoutDir, '.run');
const prefix = 'test-';

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
    await keepLogs(stack.dir);
    await rm(stack.dir, { recursive: true, force: true });
  };
}

async function start(): Promise<Stack> {
  await removeAbandoned();
  const dir = join(parent, `${prefix}${process.pid}`);
  const events: string[] = [];
  try {
    return await startStack({
      dir,
      port: 'any',
      environment: process.env,
      onEvent: (event) => events.push(describeEvent(event)),
    });
  } catch (error) {
    await keepLogs(dir);
    process.stderr.write(`${events.join('\n')}\n`);
    throw error;
  }
}

async function keepLogs(dir: string): Promise<void> {
  const kept = join(parent, 'last-test-logs');
  await rm(kept, { recursive: true, force: true, maxRetries: 2 });
  // Another run may be doing the same at this moment: no reason to fail, one of the two stays.
  await cp(join(dir, 'logs'), kept, { recursive: true }).catch(() => undefined);
}

/** Directories of test runs that were killed: their processes ended with them, their files did not. */
async function removeAbandoned(): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names.filter((each) => /^test-\d+$/.test(each))) {
    if (isAlive(Number(name.slice(prefix.length)))) continue;
    await stopStack(join(parent, name));
    await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
