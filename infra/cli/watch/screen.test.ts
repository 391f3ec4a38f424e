import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { CliRun, RunInput } from '../kit/run.ts';
import { openScreen } from './screen.ts';

test('a screen shows what a terminal would obey in a line, and moves the cursor itself', () => {
  let said = '';
  const write = (text: string) => {
    said += text;
    return true;
  };
  const stdout = Object.assign(new EventEmitter(), { write, isTTY: true, columns: 40, rows: 4 });
  const stdin = Object.assign(new EventEmitter(), { pause: () => {} });
  const run = {
    stdin: () => stdin as unknown as RunInput, // as much of a keyboard as a screen asks of one
    terminal: { stdout, stderr: stdout } as unknown as CliRun['terminal'],
    onExit: () => () => {},
  };
  const screen = openScreen(run, { onQuit: () => {}, onResize: () => {} });
  said = '';
  screen.draw(['edge \u009b2J\u202e1']);
  expect(said).toContain('\u001b[H' + 'edge \\u009b2J\\u202e1' + '\u001b[K');
  screen.close();
});
