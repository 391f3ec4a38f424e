import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createBar, type ProgressStream, waitingFor } from './progress.ts';

/** A stderr that remembers; `isTTY` as asked. */
function stderr(isTTY: boolean) {
  const written: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk.toString());
      done();
    },
  });
  const cursor = { cursorTo: () => true, clearLine: () => true, moveCursor: () => true, clearScreenDown: () => true };
  // As much of a terminal as the bar asks of it.
  const terminal = Object.assign(stream, { isTTY, columns: 80, rows: 24, ...cursor }) as unknown as ProgressStream;
  return { terminal, text: () => written.join('') };
}

test('a bar is drawn on a terminal once it takes a while, says how far it is, and goes away', () => {
  const { terminal, text } = stderr(true);
  let nowMs = 0;
  const bar = createBar({ label: 'minting', total: 100, stream: terminal, now: () => nowMs });
  bar.step(10);
  expect([text(), bar.isShown]).toEqual(['', false]);
  nowMs = 1000;
  bar.step(15);
  expect(bar.isShown).toBe(true);
  expect(text()).toMatch(/minting \[.+\] 25 % \| 25\/100/);
  bar.at(1000);
  bar.end();
  expect(bar.isShown).toBe(false);
});

test('nothing is drawn where no terminal is, nor beside JSON', async () => {
  for (const [isTTY, isQuiet] of [
    [false, false],
    [true, true],
  ] as const) {
    const { terminal, text } = stderr(isTTY);
    let nowMs = 0;
    const bar = createBar({ label: 'minting', total: 2, stream: terminal, isQuiet, now: () => nowMs });
    nowMs = 5000;
    bar.step();
    bar.end();
    expect(await waitingFor('reading', Promise.resolve(7), { stream: terminal, isQuiet })).toBe(7);
    expect(text()).toBe('');
  }
});

test('waiting for something of unknown length says for what and how long, and hands on what it threw', async () => {
  const { terminal, text } = stderr(true);
  let finish = (_value: string) => {};
  const work = new Promise<string>((resolve) => {
    finish = resolve;
  });
  const waiting = waitingFor('comparing the books', work, { stream: terminal });
  await expect.poll(text, { timeout: 20_000 }).toMatch(/comparing the books … \d+ s/);
  finish('done');
  expect(await waiting).toBe('done');
  await expect(waitingFor('x', Promise.reject(new Error('no')), { stream: terminal })).rejects.toThrow('no');
});
