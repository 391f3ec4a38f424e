import { setTimeout as wait } from 'node:timers/promises';
import { StackError } from './host/errors.ts';
import { isSameProcess } from './host/process-identity.ts';
import { type RunDirectory, runDirectory } from './host/run-directory.ts';
import { clientEnvironment, makePlan, type StackPlan } from './plan/plan.ts';
import type { Role } from './plan/roles.ts';
import { consoleTokenFile, type KnownSecrets, readSecrets } from './plan/secrets.ts';
import { type Check, httpCheck, postgresCheck, redisCheck, sentinelCheck, zookeeperCheck } from './supervise/health.ts';
import { endLeftovers } from './supervise/leftovers.ts';
import { type ProcessState, readState, type StackState, writeState } from './supervise/state-file.ts';

/** The stack of a run directory, seen from outside: what `seckill down`, `status` and every other command need. */

const stopDeadlineMs = 60_000;

export type ProcessStatus = {
  role: Role;
  name: string;
  pid: number | null;
  address: string;
  /** Where /healthz, /readyz and /metrics are; null for the servers that are not ours. */
  innerUrl: string | null;
  health: 'up' | 'down' | 'starting';
  /** What the health check complains about, or null. */
  problem: string | null;
  restarts: number;
  startedAt: string | null;
};
export type StackStatus = {
  running: boolean;
  dir: string;
  ha: boolean;
  edge: string | null;
  processes: ProcessStatus[];
};

export type RunningStack = { state: StackState; supervisorPid: number };

/** The stack whose supervisor lives, or null. */
export async function findRunningStack(dir?: string): Promise<RunningStack | null> {
  const state = readState(runDirectory(dir));
  const supervisor = state?.supervisor ?? null;
  if (state === null || supervisor === null) return null;
  return (await isSameProcess(supervisor.pid, supervisor.identity)) ? { state, supervisorPid: supervisor.pid } : null;
}

/** Stops the stack of `dir` and waits until nothing of it is left; `not-running` when there was nothing to stop. */
export async function stopStack(dir?: string): Promise<'stopped' | 'not-running'> {
  const paths = runDirectory(dir);
  const running = await findRunningStack(dir);
  if (running !== null) {
    signalSupervisor(running.supervisorPid, 'SIGTERM');
    if (!(await supervisorEndsWithin(dir, stopDeadlineMs))) {
      signalSupervisor(running.supervisorPid, 'SIGKILL');
      await supervisorEndsWithin(dir, 5_000);
    }
  }
  // After a supervisor that died, or did not stop in time.
  const left = readState(paths);
  const ended = left === null ? [] : await endLeftovers(left, paths);
  if (left !== null && left.phase !== 'down') {
    writeState(paths, { ...left, phase: 'down', supervisor: null, processes: [] });
  }
  return running !== null || ended.length > 0 ? 'stopped' : 'not-running';
}

function signalSupervisor(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPERM') {
      throw new StackError('failed', `the stack belongs to another user: its supervisor is process ${pid}`);
    }
  }
}

/** In-process supervisors live on after their stack is down: the phase counts as well as the process. */
async function supervisorEndsWithin(dir: string | undefined, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (Date.now() < deadline) {
    if ((await findRunningStack(dir)) === null) return true;
    await wait(50);
  }
  return false;
}

/** Asks every process how it is. */
export async function stackStatus(dir?: string): Promise<StackStatus> {
  const paths = runDirectory(dir);
  const running = await findRunningStack(dir);
  if (running === null) return { running: false, dir: paths.root, ha: false, edge: null, processes: [] };
  const plan = await planOf(paths, running.state);
  const processes = await Promise.all(running.state.processes.map((each) => statusOf(plan, each)));
  return { running: true, dir: paths.root, ha: plan.ha, edge: plan.edgeUrl, processes };
}

async function statusOf(plan: RunningPlan, state: ProcessState): Promise<ProcessStatus> {
  const { role, name, pid, address, innerUrl, restarts, startedAt } = state;
  const isAlive = await isSameProcess(pid, state.identity);
  const problem = isAlive ? await checkOf(plan, role, name)(pid) : 'no process';
  const isStarting = problem !== null && (state.phase === 'starting' || state.phase === 'waiting');
  const health = problem === null ? 'up' : isStarting ? 'starting' : 'down';
  return { role, name, pid: isAlive ? pid : null, address, innerUrl, health, problem, restarts, startedAt };
}

function checkOf(plan: RunningPlan, role: Role, name: string): Check {
  switch (role) {
    case 'stock-redis':
    case 'queue-redis':
      return redisCheck(plan.port(name), plan.secrets.redisPasswords[role], { hasReplicas: plan.ha });
    case 'sentinel':
      return sentinelCheck(plan.port(name), plan.secrets.sentinelPassword);
    case 'zookeeper':
      return zookeeperCheck(plan.port(name));
    case 'postgres':
      return postgresCheck(plan.databaseUrl('postgres', { port: plan.port(name) }));
    case 'edge':
      return httpCheck(`http://127.0.0.1:${plan.port(`${name}-inner`)}/readyz`);
    case 'gateway':
    case 'seckill-service':
    case 'order-worker':
    case 'cdc':
    case 'payment-sandbox':
      return httpCheck(`http://127.0.0.1:${plan.port(name)}/readyz`);
  }
}

/** Where the console of the running stack of `dir` is, and the file that holds its token; null when none is running. */
export async function consoleOf(dir?: string): Promise<ConsolePlace | null> {
  const paths = runDirectory(dir);
  const running = await findRunningStack(dir);
  const gateway = running?.state.processes.find(({ role }) => role === 'gateway');
  if (gateway == null || gateway.innerUrl === null) return null;
  return { url: `${gateway.innerUrl}/console`, tokenFile: consoleTokenFile(paths) };
}
export type ConsolePlace = { url: string; tokenFile: string };

/** The SECKILL_* settings of the running stack of `dir`, addresses and secrets; null when none is running there. */
export async function stackEnvironment(dir?: string): Promise<Record<string, string> | null> {
  const running = await findRunningStack(dir);
  return running === null ? null : clientEnvironment(await planOf(runDirectory(dir), running.state));
}

/** An older version may have started the stack, without some of the secrets that a start makes today. */
type RunningPlan = StackPlan<KnownSecrets>;

async function planOf(
  dir: RunDirectory,
  { ha, cdc, services, edges, edgePort, ports, settings }: StackState,
): Promise<RunningPlan> {
  const secrets = await readSecrets(dir);
  return makePlan({ dir, secrets, ha, cdc, services, edges, edgePort, ports, environment: {}, settings });
}
