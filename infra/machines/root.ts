import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Machine, Visitor } from './machines.ts';

const run = promisify(execFile);

/** A machine cannot be made here; the message says why. */
export class Unreachable extends Error {}

/** Where this machine's own apt gets each distribution from, by its site: `…/debian`, `…/ubuntu`. */
async function mirrorsHere(): Promise<Map<string, string>> {
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages']);
  const found = new Map<string, string>();
  for (const site of stdout.split('\n')) {
    const name = /\/(debian|ubuntu)\/?$/.exec(site.trim())?.[1];
    if (name !== undefined && !found.has(name)) found.set(name, site.trim());
  }
  return found;
}

/** Makes the root file system of a machine just installed in `dir`, unless it is there. Throws {@link Unreachable}. */
export async function makeRoot(machine: Machine, dir: string, mirror?: string): Promise<void> {
  if (await stat(join(dir, 'usr')).catch(() => null)) return;
  const site = mirror ?? (await mirrorsHere()).get(machine.distribution);
  if (site === undefined) {
    throw new Unreachable(`this machine's apt knows no mirror of ${machine.distribution}; --mirror names one`);
  }
  const draft = `${dir}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  await rm(dir, { recursive: true });
  const options = [
    '--variant=apt',
    `--components=${machine.components}`,
    '--include=git,npm,ca-certificates,sudo,passwd',
  ];
  try {
    await run('mmdebstrap', [...options, machine.suite, draft, site], { maxBuffer: 1e8 });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    const reason = said.split('\n').findLast((line) => /^E: /.test(line)) ?? said.trim().split('\n').at(-1);
    throw new Unreachable(`mmdebstrap: ${reason}`);
  }
  await run('mv', [draft, dir]);
}

/** How the machine reaches the registries: as this one does. */
const handedOn = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** A machine that is switched on: its own files, processes and mounts; the network is this machine's. */
export type Running = {
  dir: string;
  /** Runs to its end; rejects when it fails, with what it printed. */
  run: (user: string, script: string, environment?: Readonly<Record<string, string>>) => Promise<string>;
  start: (user: string, script: string, environment?: Readonly<Record<string, string>>) => ChildProcess;
  /** What runs in it, a line each, without what we put there. */
  processes: () => Promise<string[]>;
  /** Ends everything in it and takes its files away. */
  off: () => Promise<void>;
};

/** A copy of the root `base`, switched on. `tmpWithoutExec`: its /tmp lets nothing be executed. */
export async function switchOn(
  base: string,
  dir: string,
  options: { tmpWithoutExec: boolean; environment: Readonly<Record<string, string | undefined>> },
): Promise<Running> {
  await rm(dir, { recursive: true, force: true });
  await run('cp', ['-a', '--reflink=auto', base, dir]);
  await cp('/etc/resolv.conf', join(dir, 'etc/resolv.conf'));
  await cp('/etc/hosts', join(dir, 'etc/hosts'));
  await cp(certificates, join(dir, certificates));
  const mounts = [
    'mount --make-rprivate /',
    `mount -t proc proc "$1/proc"`,
    `mount --rbind /dev "$1/dev" && mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"`,
    `mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$1/dev/pts" && mount --bind "$1/dev/pts/ptmx" "$1/dev/ptmx"`,
    `mount --rbind /sys "$1/sys"`,
    ...(options.tmpWithoutExec ? [`mount -t tmpfs -o noexec,mode=1777 tmpfs "$1/tmp"`] : []),
  ];
  // The first process of the machine: as long as it lives, the machine does.
  const init = spawn(
    'unshare',
    [
      ...['--mount', '--pid', '--fork', '--kill-child'],
      ...['sh', '-c', `${mounts.join(' && ')} && echo on && exec sleep 100000`, 'init', dir],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await Promise.race([
    once(init.stdout, 'data'),
    once(init, 'exit').then(() => {
      throw new Error(`${dir}: cannot be switched on (mounts and namespaces need root)`);
    }),
  ]);
  const children = await readFile(`/proc/${init.pid}/task/${init.pid}/children`, 'utf8');
  const first = children.trim();
  const base64 = (text: string) => Buffer.from(text).toString('base64');

  const start: Running['start'] = (user, script, environment = {}) => {
    const proxies = Object.fromEntries(handedOn.flatMap((name) => [[name, options.environment[name]]]));
    const home = user === 'root' ? '/root' : `/home/${user}`;
    const all = {
      HOME: home,
      USER: user,
      LOGNAME: user,
      SHELL: '/bin/bash',
      TERM: 'xterm',
      PATH:
        user === 'root'
          ? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
          : '/usr/local/bin:/usr/bin:/bin',
      NODE_EXTRA_CA_CERTS: certificates,
      ...proxies,
      ...environment,
    };
    const pairs = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    const asUser = user === 'root' ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups'];
    // The script travels as base64: no quoting through four programs.
    const shell = ['bash', '-c', `eval "$(echo ${base64(script)} | base64 -d)"`];
    return spawn(
      'nsenter',
      ['--mount', '--pid', '-t', first, 'chroot', dir, ...asUser, 'env', '-i', ...pairs, ...shell],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
  };

  const runThere: Running['run'] = async (user, script, environment) => {
    const child = start(user, script, environment);
    child.stdin?.end();
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (data: string) => {
        text += data;
      });
    }
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0)
      throw Object.assign(new Error(`exit code ${code}: ${script.split('\n').at(-1)}\n${text}`), { code, text });
    return text;
  };

  return {
    dir,
    start,
    run: runThere,
    processes: async () =>
      (await runThere('root', 'for d in /proc/[0-9]*; do tr "\\0" " " < $d/cmdline 2> /dev/null && echo; done'))
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !/^(sleep 100000|bash -c eval|tr )/.test(line)),
    off: async () => {
      init.kill('SIGKILL');
      if (init.exitCode === null && init.signalCode === null) await once(init, 'exit');
      await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/** Puts the checkout's last commit into the machine, as `git clone` would bring it. */
export async function bringCheckout(machine: Running, bundle: string, visitor: Visitor): Promise<void> {
  const { user, home, checkout, homeIsWritable } = visitor;
  await cp(bundle, join(machine.dir, 'var/tmp/seckill.bundle'));
  if (user !== 'root') {
    await machine.run(
      'root',
      `useradd --create-home --shell /bin/bash ${user} && install -d -o ${user} "${dirname(checkout)}"`,
    );
  }
  await machine.run(user, `git clone -q /var/tmp/seckill.bundle "${checkout}"`);
  if (!homeIsWritable) await machine.run('root', `chown root ${home} && chmod 555 ${home}`);
}

/** The last commit of the checkout in one file, for `git clone`; returns its short name. */
export async function makeBundle(checkout: string, file: string): Promise<string> {
  const { stdout } = await run('git', ['-C', checkout, 'rev-parse', '--short', 'HEAD']);
  await run('git', ['-C', checkout, 'bundle', 'create', '-q', file, 'HEAD']);
  return stdout.trim();
}

export async function allowSudo(machine: Running, user: string): Promise<void> {
  await writeFile(join(machine.dir, 'etc/sudoers.d/visitor'), `${user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
}
