import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Notes every module that Node loads, and writes them down when the process ends. */
const note = `import { registerHooks } from 'node:module'; import { writeSync } from 'node:fs'; const seen = [];
registerHooks({ load: (url, context, next) => { seen.push(url); return next(url, context); } });
process.on('exit', () => writeSync(2, 'LOADED' + JSON.stringify(seen)));`;

/** What a process of its own loads: packages by name, and how many of our files. */
async function loaded(...args: string[]): Promise<{ packages: string[]; own: number }> {
  const hook = `data:text/javascript,${encodeURIComponent(note)}`;
  const ended = promisify(execFile)(process.execPath, ['--import', hook, ...args], { timeout: 60_000 });
  // A command line that is refused ends with 2: what it loaded is told all the same.
  const { stderr } = await ended.catch((error: { stderr: string }) => error);
  const urls = JSON.parse(stderr.split('LOADED')[1] ?? '') as string[]; // written by the hook above
  const packages = urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  const own = urls.filter((url) => url.startsWith('file:') && !url.includes('/node_modules/'));
  return { packages: [...new Set(packages)].sort(), own: own.length };
}

const entry = join(import.meta.dirname, 'seckill.ts');

test.each(['--help', '--version', 'sail', 'sale --help', 'watch --help', 'demo --help', 'audit'])(
  'seckill %s loads commander and a few of our files: no driver, no schema',
  async (line) => {
    const { packages, own } = await loaded(entry, ...line.split(' '));
    expect(packages).toEqual(['commander']);
    expect(own).toBeLessThan(25);
  },
);

/** What tells of a command, and checks its words. */
const mayBeLoaded =
  /^(commander|zod|ulid|cli-progress|string-width|strip-ansi|ansi-regex|get-east-asian-width|is-fullwidth-code-point|emoji-regex)$/;

test('every command tells of itself without what only its work needs', async () => {
  const program = join(import.meta.dirname, 'program.ts');
  const whole = await loaded(
    '--input-type=module',
    '-e',
    `await (await import(${JSON.stringify(program)})).createProgram()`,
  );
  expect(whole.packages.filter((name) => !mayBeLoaded.test(name))).toEqual([]);
});
