import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../temporary-directory.ts';
import { removeAbandoned } from './private-run.ts';

const deadPid = () => spawnSync('true').pid;

test('directories of dead test processes are removed, whatever their kind; those of living ones and of others stay', async () => {
  const [dead, alive] = [deadPid(), process.pid];
  const [runs, temporary] = [temporaryDirectory('runs'), temporaryDirectory('temporary')];
  const ofRuns = (pid: number) => ['test', 'parts', 'chaos', 'edges'].map((kind) => `${kind}-${pid}`);
  const ofEdges = (pid: number) => [`test-edge-${pid}-1`, `test-edge-${pid}-12`];
  const stay = ['data', 'reports', `other-${dead}`, `test-${dead}-kept-by-hand`];
  for (const name of [...ofRuns(dead), ...ofEdges(dead), ...ofRuns(alive), ...ofEdges(alive), ...stay]) {
    mkdirSync(join(runs, name, 'logs'), { recursive: true });
    writeFileSync(join(runs, name, 'logs/edge.log'), 'x');
  }
  const names = [`seckill-test-${dead}-orders-aB3xYz`, `seckill-test-${alive}-orders-aB3xYz`, `orders-${dead}`];
  for (const name of names) mkdirSync(join(temporary, name));

  await removeAbandoned(runs, temporary);
  expect(readdirSync(runs).sort()).toEqual([...ofRuns(alive), ...ofEdges(alive), ...stay].sort());
  expect(readdirSync(temporary).sort()).toEqual(names.slice(1).sort());
});

test('where no run has ever been there is nothing to remove', async () => {
  await removeAbandoned('/nowhere/at/all', '/nowhere/either');
});
