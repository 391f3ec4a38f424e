import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { blockSize, choosePorts, isPortFree, reservePortBlock } from './ports.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function reserve(key: string, remembered?: number): Promise<number> {
  const block = await reservePortBlock(key, remembered);
  cleanups.push(block.release);
  return block.base;
}

async function occupy(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(() => resolve())));
}

test('two stacks never get the same ports, even for the same directory at the same moment', async () => {
  const bases = await Promise.all(Array.from({ length: 5 }, () => reserve('/some/dir')));
  expect(new Set(bases).size).toBe(5);
});

test('a directory gets its block again, and another one when it is taken', async () => {
  const base = await reserve('/another/dir');
  const other = await reserve('/another/dir', base);
  expect(other).not.toBe(base);
  await cleanups.pop()?.();
  expect(await reserve('/a third/dir', other)).toBe(other);
});

test('every port is below the range of outgoing connections', async () => {
  for (const key of ['a', 'b', 'c', 'd']) {
    const base = await reserve(key);
    expect(base).toBeGreaterThanOrEqual(20_000);
    expect(base + blockSize).toBeLessThanOrEqual(32_000);
  }
});

test('a name keeps its port while it is free, and gets another when it is taken or avoided', async () => {
  const base = await reserve('/names');
  const first = await choosePorts(base, ['a', 'b', 'c'], {});
  expect(new Set(Object.values(first)).size).toBe(3);
  expect(await choosePorts(base, ['c', 'a', 'b'], first)).toEqual(first);

  const taken = first.a ?? 0;
  await occupy(taken);
  const second = await choosePorts(base, ['a', 'b', 'c'], first, new Set([first.b ?? 0]));
  expect(second.c).toBe(first.c);
  expect([taken, first.b, second.c]).not.toContain(second.a);
  expect([taken, first.b, second.c, second.a]).not.toContain(second.b);
});

test('a port of another block is not taken over', async () => {
  const base = await reserve('/moved');
  const chosen = await choosePorts(base, ['a'], { a: base + blockSize + 3 });
  expect(chosen.a).toBe(base + 1);
});

test('a wide block is two neighbours, and neither goes to another stack', async () => {
  const wide = await reservePortBlock('/wide', undefined, 2);
  cleanups.push(wide.release);
  const names = Array.from({ length: 60 }, (_, i) => `server-${i}`);
  const ports = Object.values(await choosePorts(wide.base, names, {}, new Set(), wide.size));
  expect(new Set(ports).size).toBe(60);
  expect(Math.max(...ports)).toBeLessThan(wide.base + 2 * blockSize);
  expect(ports).not.toContain(wide.base + blockSize); // its guard
  expect([wide.base, wide.base + blockSize]).not.toContain(await reserve('/wide', wide.base + blockSize));
});

test('a port that somebody listens on is not free', async () => {
  const base = await reserve('/busy');
  await occupy(base + 5);
  expect(await isPortFree(base + 5)).toBe(false);
  expect(await isPortFree(base + 6)).toBe(true);
});
