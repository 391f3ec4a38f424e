import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type RunDirectory, runDirectory } from '../host/run-directory.ts';
import { createStateWriter, readState, type StackState, writeState } from './state-file.ts';

let dir: RunDirectory;
beforeEach(() => {
  dir = runDirectory(mkdtempSync(join(tmpdir(), 'state-')));
});
afterEach(() => rmSync(dir.root, { recursive: true, force: true }));

const state: StackState = {
  version: 1,
  phase: 'up',
  supervisor: { pid: 12, identity: 'boot/345' },
  edgePort: 8080,
  services: 1,
  edges: 1,
  ha: false,
  cdc: null,
  settings: {},
  portBase: 20_000,
  ports: { 'stock-redis': 20_001 },
  processes: [
    {
      role: 'stock-redis',
      name: 'stock-redis',
      pid: 13,
      identity: 'boot/346',
      address: 'redis://127.0.0.1:20001',
      innerUrl: null,
      phase: 'up',
      restarts: 0,
      startedAt: '2026-11-21T08:00:00.000Z',
    },
  ],
};

test('a state comes back as it was written, and leaves no draft behind', () => {
  writeState(dir, { ...state, phase: 'starting' });
  writeState(dir, state);
  expect(readState(dir)).toEqual(state);
  expect(readdirSync(dir.root)).toEqual(['stack.json']);
  expect(statSync(dir.state).mode & 0o077).toBe(0); // for its owner alone
});

test('no file, a broken file and a file of another version are no state', () => {
  expect(readState(dir)).toBeNull();
  writeFileSync(dir.state, '{"version": 1, "pha');
  expect(readState(dir)).toBeNull();
  writeFileSync(dir.state, JSON.stringify({ ...state, version: 2 }));
  expect(readState(dir)).toBeNull();
});

test('a state that cannot be written is told once, and the newest one is written as soon as it can be', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const problems: unknown[] = [];
  const { write, close } = createStateWriter(dir, (error) => problems.push(error));
  rmSync(dir.root, { recursive: true });
  write({ ...state, phase: 'starting' });
  write(state);
  vi.advanceTimersByTime(10_000);
  expect(problems).toHaveLength(1);
  mkdirSync(dir.root);
  vi.advanceTimersByTime(2_000);
  expect(readState(dir)).toEqual(state);
  write({ ...state, phase: 'stopping' });
  expect(readState(dir)?.phase).toBe('stopping');
  close();
});
