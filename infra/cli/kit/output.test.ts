import { Command } from 'commander';
import { expect, test } from 'vitest';
import { createOutput } from './output.ts';
import { type RunOutput, type Surroundings, startRun } from './run.ts';

/** What a stranger puts into a header, an id or a title: red, a line of its own, and turned round. */
const hostile = 'https://x.example/\u009b31m\u001b[2Jdone\r\u202eknab';
const shown = 'https://x.example/\\u009b31m\\u001b[2Jdone\\u000d\\u202eknab';

function run() {
  const said = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof said) =>
    ({
      write: (text: string) => {
        said[name] += text;
        return true;
      },
    }) as unknown as RunOutput; // as much of a stream as text needs
  const surroundings = { stdout: stream('stdout'), stderr: stream('stderr') } as Surroundings;
  return { run: startRun(new Command(), surroundings), said };
}

test('what a stranger wrote is shown by results, progress and errors, and obeyed by no terminal', () => {
  const { run: it, said } = run();
  const output = createOutput(it, false);
  output.result({}, `location  ${hostile}`);
  output.progress(`asked ${hostile}`);
  expect(said).toEqual({ stdout: `location  ${shown}\n`, stderr: `asked ${shown}\n` });
});

test('a result for machines is valid JSON that says the same, without a sign that a terminal obeys', () => {
  const { run: it, said } = run();
  createOutput(it, true).result({ location: hostile, title: '张三 👩‍👧' }, '');
  expect(JSON.parse(said.stdout)).toEqual({ location: hostile, title: '张三 👩‍👧' });
  for (const sign of ['\u001b', '\u009b', '\u202e']) expect(said.stdout).not.toContain(sign);
});
