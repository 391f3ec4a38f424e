import { spawn } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { identityOf } from '../host/process-identity.ts';
import { runDirectory } from '../host/run-directory.ts';
import { endLeftovers } from './leftovers.ts';
import type { ProcessState, StackState } from './state-file.ts';

/** A process of its own session that would live for a minute. */
async function stranger(): Promise<{ pid: number; identity: string }> {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const pid = child.pid ?? 0;
  return { pid, identity: (await identityOf(pid)) ?? '' };
}

const dir = runDirectory('/tmp/seckill-leftovers');

function stateWith(process: Pick<ProcessState, 'pid' | 'identity'>): StackState {
  const rest = {
    role: 'zookeeper',
    name: 'zookeeper',
    address: '127.0.0.1:1',
    innerUrl: null,
    restarts: 0,
    startedAt: null,
  } as const;
  return {
    version: 1,
    phase: 'up',
    supervisor: null,
    edgePort: 1,
    services: 1,
    edges: 1,
    ha: false,
    cdc: null,
    settings: {},
    portBase: 1,
    ports: {},
    processes: [{ ...rest, phase: 'up', ...process }],
  };
}

test('ends a process that a dead supervisor left', async () => {
  const { pid, identity } = await stranger();
  expect(await endLeftovers(stateWith({ pid, identity }), dir)).toEqual(['zookeeper']);
  expect(await identityOf(pid)).toBeNull();
});

test('never touches a process that only has the same pid', async () => {
  const { pid, identity } = await stranger();
  expect(await endLeftovers(stateWith({ pid, identity: `${identity}1` }), dir)).toEqual([]);
  expect(await identityOf(pid)).toBe(identity);
});
