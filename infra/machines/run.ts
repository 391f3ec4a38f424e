// `npm run test:machines`: builds the machines that people have, and uses each as a newcomer would. Not a part of CI.
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs, promisify, stripVTControlCharacters } from 'node:util';
import { findProgram } from '../stack/host/binaries.ts';
import { checkoutDir } from '../stack/host/run-directory.ts';
import { type Machine, machines, npmVersions, type Visitor, visitors } from './machines.ts';
import { type Results, reportText, visitKey } from './report.ts';
import { allowSudo, bringCheckout, makeBundle, makeRoot, type Running, switchOn, Unreachable } from './root.ts';
import { runTests, tryNpm, visit } from './visit.ts';

const usage = `usage: npm run test:machines -- [options]
  --only NAME,…       of ${machines.map(({ name }) => name).join(', ')}; default: all
  --as NAME,…         of ${visitors.map(({ name }) => name).join(', ')}; default: all
  --npm VERSION,…     set-up with these npm versions instead; "all" is ${npmVersions.join(', ')}
  --test              npm test instead of npm start (as root, half an hour a machine)
  --mirror DIST=URL   where packages of debian or ubuntu come from; default: what this machine's apt uses
  --port N            of the edge; default: 8190`;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: machines.map(({ name }) => name).join(',') },
    as: { type: 'string', default: visitors.map(({ name }) => name).join(',') },
    npm: { type: 'string' },
    test: { type: 'boolean', default: false },
    mirror: { type: 'string', multiple: true, default: [] },
    port: { type: 'string', default: '8190' },
    help: { type: 'boolean', default: false },
  },
});

const say = (text: string) => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
const home = join(checkoutDir, '.run', 'machines');
const kept = join(checkoutDir, 'docs', 'machines.json');
const date = new Date().toISOString().slice(0, 10);
const wanted = <Item extends { name: string }>(items: readonly Item[], names: string): Item[] => {
  const asked = names.split(',');
  const unknown = asked.filter((name) => !items.some((item) => item.name === name));
  if (unknown.length > 0) throw new TypeError(`unknown: ${unknown.join(', ')}\n${usage}`);
  return items.filter(({ name }) => asked.includes(name));
};

/** Two runs may be under way, for different machines: what the other one kept meanwhile stays. */
async function keep<Kind extends keyof Results>(kind: Kind, key: string, value: Results[Kind][string]): Promise<void> {
  const before = await readFile(kept, 'utf8').catch(() => '{"visits":{},"npm":{},"tests":{}}');
  const results = JSON.parse(before) as Results; // written by us
  Object.assign(results[kind], { [key]: value });
  // A machine that could not be made before can be now.
  if (kind === 'visits' && !key.endsWith(' -')) delete results.visits[key.replace(/ \S+$/, ' -')];
  await writeFile(kept, `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(join(checkoutDir, 'docs', 'machines.md'), reportText(results));
}

/** Switches the machine on for one visitor, with the checkout in it, and off afterwards, also after an error. */
async function withMachine<T>(machine: Machine, visitor: Visitor, work: (it: Running) => Promise<T>): Promise<T> {
  const running = await switchOn(
    join(home, machine.name),
    join(home, `${machine.name}-${visitor.name}-${process.pid}`),
    {
      tmpWithoutExec: visitor.tmpWithoutExec,
      environment: process.env,
    },
  );
  try {
    await bringCheckout(running, bundle, visitor);
    if (visitor.name === 'sudo') await allowSudo(running, visitor.user);
    return await work(running);
  } finally {
    await running.off();
  }
}

const versionsOf = (machine: Running) =>
  machine.run('root', 'echo "Node $(node --version | tr -d v), npm $(npm --version)"').then((text) => text.trim());
const bundle = join(home, `checkout-${process.pid}.bundle`);
let failed = 0;

async function visitOnce(machine: Machine, visitor: Visitor, commit: string): Promise<void> {
  const key = visitKey(machine, visitor);
  say(`${key}: npm start`);
  await withMachine(machine, visitor, async (running) => {
    const versions = await versionsOf(running);
    const seen = await visit(running, visitor, Number(options.port), (text) => say(`${key}: ${text}`));
    for (const problem of seen.problems) say(`${key}: PROBLEM: ${problem}`);
    failed += seen.problems.length;
    await keep('visits', key, { machine: machine.title, visitor: visitor.title, versions, date, commit, visit: seen });
  });
}

async function testOnce(machine: Machine, visitor: Visitor, commit: string): Promise<void> {
  const key = visitKey(machine, visitor);
  say(`${key}: npm test`);
  await withMachine(machine, visitor, async (running) => {
    const versions = await versionsOf(running);
    const { passed, seconds, said } = await runTests(running, visitor);
    await writeFile(join(home, `${machine.name}-test.log`), said);
    const counts = /^\s*Tests\s+(.+)$/m.exec(stripVTControlCharacters(said))?.[1] ?? 'no count';
    say(`${key}: ${counts}; ${Math.round(seconds)} s; all of it in ${home}/${machine.name}-test.log`);
    if (!passed) failed += 1;
    await keep('tests', key, {
      machine: machine.title,
      visitor: visitor.title,
      versions,
      date,
      commit,
      passed,
      seconds,
      counts,
    });
  });
}

async function npmOnce(machine: Machine, visitor: Visitor, versions: readonly string[], commit: string): Promise<void> {
  await withMachine(machine, visitor, async (running) => {
    const brings = (await running.run('root', 'node --version')).trim();
    for (const version of versions) {
      const node = await tryNpm(running, visitor, version).catch((error: Error) => {
        say(`npm ${version}: PROBLEM: ${error.message}`);
        failed += 1;
        return '**none**';
      });
      say(`npm ${version} on ${machine.title}: Node ${node}`);
      const key = `${version} on ${machine.name}`;
      await keep('npm', key, { npm: version, machine: machine.title, brings, node, date, commit });
    }
  });
}

async function main(): Promise<void> {
  if (options.help) return void process.stdout.write(`${usage}\n`);
  for (const program of ['mmdebstrap', 'unshare', 'nsenter', 'apt-get']) {
    if (findProgram(program, process.env.PATH ?? '') === null) {
      return say(`skipped: ${program} is not here (on Debian: apt-get install mmdebstrap util-linux)`);
    }
  }
  if (process.getuid?.() !== 0) return say('skipped: making a machine needs root');
  const mirrors = new Map(options.mirror.map((pair) => pair.split(/=(.*)/s) as [string, string]));
  await mkdir(home, { recursive: true });
  const commit = await makeBundle(checkoutDir, bundle);
  const dirty = (await promisify(execFile)('git', ['-C', checkoutDir, 'status', '--porcelain'])).stdout.trim() !== '';
  if (dirty) say(`changes that are not committed are not tried; the commit is ${commit}`);

  for (const machine of wanted(machines, options.only)) {
    try {
      say(`${machine.title}: making it`);
      await makeRoot(machine, join(home, machine.name), mirrors.get(machine.distribution));
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      say(`${machine.title}: skipped: ${error.message}`);
      if (options.npm === undefined && !options.test) {
        await keep('visits', `${machine.name} -`, {
          machine: machine.title,
          visitor: '',
          versions: '',
          date,
          commit,
          skipped: error.message,
        });
      }
      continue;
    }
    const asked = wanted(visitors, options.as);
    if (options.npm !== undefined) {
      const [visitor] = asked;
      const versions = options.npm === 'all' ? npmVersions : options.npm.split(',');
      if (visitor !== undefined) await npmOnce(machine, visitor, versions, commit);
    } else if (options.test) {
      for (const visitor of asked) await testOnce(machine, visitor, commit);
    } else {
      for (const visitor of asked) {
        await visitOnce(machine, visitor, commit).catch((error: Error) => {
          failed += 1;
          say(`${visitKey(machine, visitor)}: FAILED: ${error.message}`);
        });
      }
    }
  }
  await rm(bundle, { force: true });
}

try {
  await main();
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
