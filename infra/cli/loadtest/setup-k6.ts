// `npm run setup:k6`: finds a k6 that the scripts can run on, else builds the pinned one with Go, else says how to get one.
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findK6, k6Major, ownK6 } from '#loadtest/run/find-k6.ts';
import { findProgram } from '../../stack/host/binaries.ts';
import { childEnvironment } from '../../stack/host/launch.ts';
import { checkoutDir } from '../../stack/host/run-directory.ts';

const say = (text: string) => process.stderr.write(`setup:k6: ${text}\n`);
const moduleDir = join(checkoutDir, 'loadtest/k6');
const modulePath = 'go.k6.io/k6/v2';
const longestBuildMs = 20 * 60_000;

async function find(): Promise<boolean> {
  const searchPath = process.env.PATH ?? '';
  const found = await findK6({ named: process.env.SECKILL_K6, checkout: checkoutDir, searchPath });
  if (found.kind === 'found') process.stdout.write(`k6 ${found.version}: ${found.path}\n`);
  if (found.kind === 'unfit') say(`${found.path} cannot be used: ${found.problem}`);
  return found.kind === 'found';
}

/** `go install` is the ordinary way; the module beside the scripts is the other one, where every sum is pinned. */
async function build(go: string): Promise<void> {
  const version = new RegExp(`^require ${modulePath} (\\S+)`, 'm').exec(
    await readFile(join(moduleDir, 'go.mod'), 'utf8'),
  )?.[1];
  const bin = join(checkoutDir, '.run', 'bin');
  await mkdir(bin, { recursive: true });
  const run = (args: string[]) =>
    promisify(execFile)(go, args, {
      cwd: moduleDir,
      env: { ...childEnvironment(process.env), GOBIN: bin, GOFLAGS: '-mod=mod' },
      timeout: longestBuildMs,
      maxBuffer: 64 * 1024 * 1024,
    });
  say(`building k6 ${version} with Go: this takes some minutes`);
  try {
    await run(['install', `${modulePath}@${version}`]);
  } catch (error) {
    say(`go install did not work (${lastLine(error)}); building it from loadtest/k6/go.mod instead`);
    await run(['build', '-mod=readonly', '-o', ownK6(checkoutDir), modulePath]);
  }
}

const lastLine = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1) ?? '';

async function setUp(): Promise<boolean> {
  if (await find()) return true;
  const go = findProgram('go', process.env.PATH ?? '', ['/usr/local/go/bin']);
  if (go === null) {
    say(`neither k6 ${k6Major} nor Go is here. Install one of them:`);
    say('  k6: https://grafana.com/docs/k6/latest/set-up/install-k6/, on the PATH or named by SECKILL_K6');
    say('  Go: https://go.dev/doc/install, then run this again');
    return false;
  }
  try {
    await build(go);
  } catch (error) {
    say(`it cannot be built: ${lastLine(error)}`);
    say('get k6 from https://grafana.com/docs/k6/latest/set-up/install-k6/ and name it by SECKILL_K6');
    return false;
  }
  return find();
}

process.exitCode = (await setUp()) ? 0 : 78;
