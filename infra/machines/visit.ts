import { once } from 'node:events';
import { quoted } from '../text/shell-quote.ts';
import type { Visitor } from './machines.ts';
import type { Running } from './root.ts';

/** What one visitor saw. Times in seconds. */
export type Visit = {
  firstStart: number;
  secondStart: number;
  crowd: string;
  /** Of the audit: `demo-1: balanced; …`. */
  audit: string;
  stop: number;
  problems: string[];
};

const installsAtMostMs = 15 * 60_000;
const shoppers = 2000;

/** A command in the visitor's terminal, in the checkout. */
export const inCheckout = (visitor: Visitor, command: string) =>
  `umask ${visitor.umask}; cd ${quoted(visitor.checkout)} && ${command}`;

/**
 * `npm start` in a terminal of its own, until its sale is open. `stop` presses Ctrl-C there and resolves with the seconds until
 * the prompt is back.
 */
async function start(machine: Running, visitor: Visitor, port: number) {
  const began = performance.now();
  const command = `npm start -- --port ${port}`;
  const terminal = machine.start(
    visitor.user,
    inCheckout(visitor, `exec script -qec ${quoted(command)} /dev/null`),
    visitor.environment,
  );
  let text = '';
  for (const stream of [terminal.stdout, terminal.stderr]) {
    stream?.setEncoding('utf8').on('data', (data: string) => {
      text += data;
    });
  }
  const ended = once(terminal, 'close').then(([code]) => code as number | null);
  const deadline = Date.now() + installsAtMostMs;
  let code: number | null | 'runs' = 'runs';
  while (code === 'runs' && !/The sale is open:/.test(text)) {
    if (Date.now() > deadline) {
      terminal.kill('SIGKILL');
      throw new Error(`npm start did not open its sale within 15 minutes:\n${text.slice(-4000)}`);
    }
    code = await Promise.race([ended, new Promise<'runs'>((resolve) => setTimeout(() => resolve('runs'), 100))]);
  }
  const seconds = (performance.now() - began) / 1000;
  return {
    seconds,
    text: () => text,
    /** Null while it runs. */
    code: code === 'runs' ? null : code,
    sale: /\/sales\/(demo-\d+)/.exec(text)?.[1] ?? '',
    stop: async () => {
      const pressed = performance.now();
      terminal.stdin?.write('\u0003');
      const ending = await Promise.race([
        ended,
        new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), 60_000).unref()),
      ]);
      if (ending === 'late') terminal.kill('SIGKILL');
      return { seconds: (performance.now() - pressed) / 1000, code: ending };
    },
  };
}

/** Root pastes the line that the set-up printed for a visitor without the right to install. */
async function pasteAsRoot(machine: Running, said: string): Promise<void> {
  const line = said.split(/\r?\n/).find((each) => /^\s+(sudo|su root -c) /.test(each));
  if (line === undefined) throw new Error(`no line to paste in:\n${said}`);
  await machine.run('root', line.trim());
}

/** The whole way of a newcomer: start, a crowd, the audit, Ctrl-C, what is left, and a second start. */
export async function visit(
  machine: Running,
  visitor: Visitor,
  port: number,
  progress: (text: string) => void,
): Promise<Visit> {
  const problems: string[] = [];
  const check = (isWell: boolean, problem: string) => {
    if (!isWell) problems.push(problem);
  };
  const environment = { ...visitor.environment };
  const run = (command: string) =>
    machine.run(visitor.user, inCheckout(visitor, command), environment).catch((error: unknown) => {
      problems.push(`${command}: ${error instanceof Error ? error.message : String(error)}`);
      return '';
    });

  let first = await start(machine, visitor, port);
  let firstStart = first.seconds;
  const firstSaid = first.text();
  if (visitor.name === 'user') {
    if (first.code !== 78) throw new Error(`without the right to install, npm start ended with ${first.code}, not 78`);
    const began = performance.now();
    await pasteAsRoot(machine, first.text());
    firstStart += (performance.now() - began) / 1000;
    first = await start(machine, visitor, port);
    firstStart += first.seconds;
  }
  if (first.code !== null) throw new Error(`npm start ended with ${first.code}:\n${first.text().slice(-4000)}`);
  progress(`the sale is open after ${firstStart.toFixed(0)} s`);

  // What the set-up says of a home that cannot be written to.
  const cache = /export npm_config_cache=(\S+)/.exec(firstSaid)?.[1];
  check((cache === undefined) === visitor.homeIsWritable, 'what npx needs in a home that cannot be written to');
  if (cache !== undefined) Object.assign(environment, { npm_config_cache: cache });
  const page = await fetch(`http://127.0.0.1:${port}/sales/${first.sale}`);
  check(page.status === 200, `the sale's page answered ${page.status}`);
  const crowd = await run(`npx seckill demo crowd --shoppers ${shoppers}`);
  check(!/npm (WARN|warn)/.test(crowd), `npx warns about ourselves: ${/npm (?:WARN|warn).*/.exec(crowd)?.[0]}`);
  const audit = await run(`npx seckill audit ${first.sale}`);
  check(/: balanced;/.test(audit), `the audit does not balance: ${audit}`);
  const stopped = await first.stop();
  check(stopped.code === 0, `Ctrl-C ended npm start with ${stopped.code}:\n${first.text().slice(-1500)}`);
  progress(`Ctrl-C: back after ${stopped.seconds.toFixed(1)} s`);

  const left = await machine.processes();
  check(left.length === 0, `processes that were left: ${left.join('; ')}`);
  problems.push(...(await startedAtBoot(machine)));

  await machine.run('root', 'touch /var/tmp/marker');
  const second = await start(machine, visitor, port);
  check(second.code === null, `the second npm start ended with ${second.code}:\n${second.text().slice(-2000)}`);
  await second.stop();
  const touched = await filesTouched(machine, visitor);
  check(touched.length === 0, `files outside the checkout: ${touched.join(', ')}`);
  return {
    firstStart,
    secondStart: second.seconds,
    crowd: /^got in +(\d+)/m.exec(crowd)?.[1] ?? 'none',
    audit: /^.*: balanced;.*$/m.exec(audit)?.[0].trim() ?? 'not balanced',
    stop: stopped.seconds,
    problems,
  };
}

/** Servers of the packages that would start at the next boot, by either kind of init; and what one call of apt left behind. */
async function startedAtBoot(machine: Running): Promise<string[]> {
  const listing = await machine.run(
    'root',
    `ls -d /etc/rc[2-5].d/S*{nginx,redis-server,postgresql,prometheus} /etc/systemd/system/*.wants/{nginx,redis,redis-server,postgresql,prometheus}.service \\
      /usr/sbin/policy-rc.d /etc/postgresql-common/createcluster.d/seckill-setup.conf /etc/postgresql/*/* 2> /dev/null; true`,
  );
  return listing
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `left by the installation: ${line}`);
}

/** Changed by a start that had nothing to install, outside of the checkout. npm keeps a log and a cache in the home. */
async function filesTouched(machine: Running, visitor: Visitor): Promise<string[]> {
  const found = await machine.run(
    'root',
    `find / -xdev -newer /var/tmp/marker -type f -not -path ${quoted(`${visitor.checkout}/*`)} -not -path ${quoted(`${visitor.home}/.npm/*`)} -not -path '/proc/*' -not -path '/sys/*' -not -path '/var/tmp/marker' 2> /dev/null; true`,
  );
  return found.split('\n').filter((line) => line !== '' && line !== '/var/tmp/marker');
}

/** The set-up from nothing with that npm in the place of the machine's own. Returns the Node that the checkout then has. */
export async function tryNpm(machine: Running, visitor: Visitor, version: string): Promise<string> {
  const wrapper = `#!/bin/sh\nexec /usr/bin/npx --yes npm@${version} "$@"\n`;
  await machine.run(
    'root',
    `printf ${quoted(wrapper.replaceAll('\n', '\\n'))} > /usr/local/bin/npm; chmod 755 /usr/local/bin/npm`,
  );
  const said = await machine.run(
    visitor.user,
    inCheckout(
      visitor,
      'rm -rf node_modules && echo "npm $(npm --version)" && bash infra/setup/setup.sh && npm exec seckill -- --version && node_modules/.bin/node --version',
    ),
    visitor.environment,
  );
  if (/EBADENGINE/.test(said)) throw new Error(`npm ${version} complains about the engine:\n${said}`);
  return said.trim().split('\n').at(-1) ?? '';
}

/** `npm test` from beginning to end, with all that it printed. */
export async function runTests(
  machine: Running,
  visitor: Visitor,
): Promise<{ passed: boolean; seconds: number; said: string }> {
  const began = performance.now();
  const { passed, text } = await machine.run(visitor.user, inCheckout(visitor, 'npm test'), visitor.environment).then(
    (said) => ({ passed: true, text: said }),
    (error: { text?: string }) => ({ passed: false, text: error.text ?? String(error) }),
  );
  return { passed, seconds: (performance.now() - began) / 1000, said: text };
}
