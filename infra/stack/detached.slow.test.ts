import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { seckill } from '#lab/kits/command-line.ts';
import { privateDirectory } from '#lab/servers/private-directory.ts';
import { descendantsOf, living } from '#lab/servers/process-family.ts';
import { choosePorts, reservePortBlock } from './host/ports.ts';
import { checkoutDir, runDirectory } from './host/run-directory.ts';
import { findRunningStack, stackStatus } from './stack.ts';
import { readState } from './supervise/state-file.ts';

// Whole stacks, one after the other, and launchers that are processes of their own.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 300_000 });
/** For what several processes have to do; asking a process how it is has a deadline, which a busy machine may miss. */
const patiently = { timeout: 60_000, interval: 100 };

/** Runs `seckill up` as a user does: who starts a stack, and how it ends, is the subject here. */
function launch(args: readonly string[]) {
  const child = spawn(process.execPath, [join(checkoutDir, 'infra/cli/seckill.ts'), 'up', ...args], {
    cwd: checkoutDir,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += chunk));
  child.stderr.on('data', (chunk) => (output.stderr += chunk));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, ...output }));
  });
  return { child, output, ended };
}

/** A port for the edge that is free now, by the stack's own rule. */
async function freePort(): Promise<number> {
  const block = await reservePortBlock(`edge of a test ${process.hrtime.bigint()}`);
  onTestFinished(block.release);
  return (await choosePorts(block.base, ['edge'], {})).edge ?? 0;
}

async function up(dir: string): Promise<{ port: number; supervisor: number; family: number[] }> {
  const port = await freePort();
  const { code, stderr } = await launch(['--dir', dir, '--port', String(port)]).ended;
  expect(code, stderr).toBe(0);
  const supervisor = (await findRunningStack(dir))?.supervisorPid ?? 0;
  return { port, supervisor, family: descendantsOf(supervisor) };
}

test('up, up again, status, down: what a user sees, and nothing is left', async () => {
  const dir = privateDirectory();
  const { port, supervisor, family } = await up(dir);

  const again = await seckill({}, 'up', '--dir', dir);
  expect(again).toMatchObject({ code: 0, stdout: `http://127.0.0.1:${port}\n` });
  expect(again.stderr).toContain(`already running (supervisor pid ${supervisor})`);

  const other = await seckill({ SECKILL_DEMO_SIGN_IN: 'off' }, 'up', '--dir', dir);
  expect(other).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('already running without SECKILL_DEMO_SIGN_IN=off'),
  });
  const made = await seckill({ SECKILL_ZOOKEEPER: '127.0.0.1:2181' }, 'up', '--dir', dir);
  expect(made).toMatchObject({ code: 78, stderr: expect.stringContaining('SECKILL_ZOOKEEPER is made by the stack') });

  await vi.waitFor(async () => {
    const status = await seckill({}, 'status', '--json', '--dir', dir);
    expect(status.code).toBe(0);
    const { edges, groups, ...rest } = JSON.parse(status.stdout) as { edges: { edgeId: string }[]; groups: unknown[] };
    expect(groups).toEqual([]); // each server stands alone
    expect(rest).toEqual(JSON.parse(JSON.stringify(await stackStatus(dir))));
    expect(edges.map(({ edgeId }) => edgeId)).toEqual(['edge-1']);
  }, patiently);

  const taken = await launch(['--dir', privateDirectory(), '--port', String(port)]).ended;
  expect(taken.code).toBe(78);
  expect(taken.stderr).toContain('--port');

  expect(await seckill({}, 'down', '--dir', dir)).toMatchObject({ code: 0, stdout: 'stopped\n' });
  // Who had to be killed needs a moment for it.
  await vi.waitUntil(() => living([supervisor, ...family]).length === 0, patiently);
  expect((await seckill({}, 'status', '--dir', dir)).code).toBe(1);
  expect((await seckill({}, 'down', '--dir', dir)).code).toBe(0);
});

test('kill -9 of the supervisor leaves no process, and the next up works', async () => {
  const dir = privateDirectory();
  const { supervisor, family } = await up(dir);
  // Eight servers, nginx' worker, PostgreSQL's five background processes at least.
  expect(family.length).toBeGreaterThanOrEqual(14);
  process.kill(supervisor, 'SIGKILL');
  await vi.waitUntil(() => living(family).length === 0, patiently);
  expect((await stackStatus(dir)).running).toBe(false);
  await up(dir);
  await vi.waitUntil(async () => (await stackStatus(dir)).processes.every(({ health }) => health === 'up'), patiently);
});

test.for(['SIGINT', 'SIGKILL'] as const)(
  'a launcher that gets %s while it starts leaves no process',
  async (signal) => {
    const dir = privateDirectory();
    const launcher = launch(['--dir', dir, '--port', String(await freePort())]);
    await vi.waitUntil(() => launcher.output.stderr.includes('redis: ready'), { timeout: 90_000, interval: 5 });
    const supervisor = readState(runDirectory(dir))?.supervisor?.pid ?? 0;
    const family = descendantsOf(supervisor);
    expect(family.length).toBeGreaterThan(0);
    launcher.child.kill(signal);
    await launcher.ended;
    await vi.waitUntil(() => living([supervisor, ...family, ...descendantsOf(supervisor)]).length === 0, patiently);
  },
);

test('in the foreground Ctrl-C, which npm makes two of, stops everything in order and exits with 0', async () => {
  const dir = privateDirectory();
  const foreground = launch(['--foreground', '--dir', dir, '--port', String(await freePort())]);
  await vi.waitUntil(() => foreground.output.stdout.includes('http://'), { timeout: 120_000 });
  const family = descendantsOf(foreground.child.pid ?? 0);
  foreground.child.kill('SIGINT');
  // A second signal while the first one still waits to be handled would be the same signal.
  await vi.waitUntil(() => foreground.output.stderr.includes('stopping: SIGINT'), { timeout: 60_000, interval: 5 });
  foreground.child.kill('SIGINT');
  const { code, stderr } = await foreground.ended;
  expect(code).toBe(0);
  const order = ['edge: stopped', 'gateway-1: stopped', 'stock-redis: stopped'].map((line) => stderr.indexOf(line));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(order).not.toContain(-1);
  await vi.waitUntil(() => living(family).length === 0, patiently);
});
