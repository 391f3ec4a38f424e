import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkoutDir } from '../stack/host/run-directory.ts';

const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
const ownPackage = { version: '24.0.0', integrity: 'sha512-x', optional: true };
const ownNode = `node_modules/node-linux-${arch}/bin/node`;

/** A checkout with a blank in its path, and programs that come before the machine's own. */
function checkout(programs: Readonly<Record<string, string>>) {
  // Not in /tmp, which may let nothing be executed.
  mkdirSync(join(checkoutDir, '.run'), { recursive: true });
  const root = realpathSync(mkdtempSync(join(checkoutDir, '.run', 'set up-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'bin'));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(root, 'bin', name), 0o755);
  }
  cpSync(join(checkoutDir, 'infra/setup'), join(root, 'infra/setup'), { recursive: true });
  mkdirSync(join(root, 'infra/cli'));
  writeFileSync(join(root, 'infra/cli/seckill.ts'), '#!/usr/bin/env node\nprocess.stdout.write("seckill");\n', {
    mode: 0o755,
  });
  const lock = { lockfileVersion: 3, packages: { [`node_modules/node-linux-${arch}`]: ownPackage } };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify(lock));
  const run = (script: string) => {
    const parts = ['progress', 'npm-packages', 'programs', 'debian-packages'].map((name) => `. infra/setup/${name}.sh`);
    const program = ['set -euo pipefail', 'logs=$PWD', ...parts, script].join('\n');
    const { status, stdout, stderr } = spawnSync('bash', ['-c', program], {
      cwd: root,
      env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin`, HOME: root },
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { status, stdout, stderr };
  };
  const calls = () => {
    try {
      return readFileSync(join(root, 'calls'), 'utf8').trim().split('\n');
    } catch {
      return [];
    }
  };
  return { root, run, calls };
}

/** npm 9.2 to 11.5: the package with Node is whole, the link to it is not there. Notes what it was asked for, and on which Node. */
const npmWithoutLink = `[ "$1" = config ] && echo "$PWD/cache" && exit
echo "$(node --version) $*" >> calls
dir=.; [ "$2" = --prefix ] && dir=$3 && cp "$dir/package-lock.json" fetched.json
mkdir -p "$dir/node_modules/.bin" "$dir/node_modules/node-linux-${arch}/bin"
ln -sf "${process.execPath}" "$dir/${ownNode}"`;
/** What a distribution brings. */
const node18 = `case $1 in -p) echo 18 ;; -e) exec "${process.execPath}" "$@" ;; *) echo v18.20.4 ;; esac`;

test.runIf(process.platform === 'linux')(
  "the lockfile's Node is found when npm made no link to it, and a half-made checkout heals",
  () => {
    const { root, run, calls } = checkout({ npm: npmWithoutLink, node: node18 });
    const found = () => run('prepare_npm_packages; node --version; seckill').stdout;
    const right = `${process.version}\nseckill`;
    expect(found()).toBe(right);
    expect(found()).toBe(right);
    // npm runs on the Node of the lockfile, which comes first and alone, with its sum.
    expect(calls()).toEqual([
      expect.stringMatching(/^v18\.20\.4 ci --prefix /),
      expect.stringMatching(`^${process.version} ci .*--include=optional`),
    ]);
    const fetched = JSON.parse(readFileSync(join(root, 'fetched.json'), 'utf8'));
    expect(fetched.packages[`node_modules/node-linux-${arch}`]).toEqual({ version: '24.0.0', integrity: 'sha512-x' });

    rmSync(join(root, 'node_modules/.bin'), { recursive: true });
    expect(found()).toBe(right);
    expect(calls()).toHaveLength(2);

    rmSync(join(root, ownNode));
    expect(found()).toBe(right);
    expect(calls()).toHaveLength(4);
  },
);

test('a machine that the lockfile has no Node for is told so, and which Node it has', () => {
  const { run } = checkout({
    npm: '[ "$1" = config ] && pwd && exit; mkdir -p node_modules',
    node: node18,
    uname: 'case $1 in -s) echo Darwin ;; -m) echo arm64 ;; *) echo Darwin arm64 ;; esac',
  });
  const { status, stderr } = run('prepare_npm_packages');
  expect(status).toBe(78);
  expect(stderr).toMatch(/a Node for Linux on x86_64 and arm64, not for Darwin arm64/);
  expect(stderr).toMatch(/Node 24 or newer is needed, and the one on the PATH is v18\.20\.4/);
});

test.runIf(process.platform === 'linux')(
  "a Node of the lockfile's that does not run here is told with what it says",
  () => {
    const broken = `[ "$1" = config ] && pwd && exit; [ "$2" = --prefix ] && cd "$3"
mkdir -p node_modules/node-linux-${arch}/bin
printf '#!/bin/sh\\necho no such loader >&2; exit 127\\n' > ${ownNode}; chmod 755 ${ownNode}`;
    const { run } = checkout({ npm: broken, node: node18 });
    const { status, stderr } = run('prepare_npm_packages');
    expect(status).toBe(78);
    expect(stderr).toMatch(/does not run here \(.*bin\/node: .*no such loader\)/);
    const { run: better } = checkout({ npm: broken, node: `exec "${process.execPath}" "$@"` });
    expect(better('prepare_npm_packages; node --version').stdout).toBe(`${process.version}\n`); // the machine's own will do
  },
);

test('an npm that fails is shown with its words', () => {
  const { run } = checkout({ npm: '[ "$1" = config ] && pwd && exit; echo "npm ERR! network"; exit 1' });
  const { status, stderr } = run('prepare_npm_packages');
  expect(status).toBe(1);
  expect(stderr).toMatch(/npm ERR! network\n.*npm ci failed/);
});

test('a user without root is given one line to paste, in a path with a blank too, and it runs our own script', () => {
  const { root, run } = checkout({
    id: 'echo 1000',
    sudo: '[ "$1" = -n ] && exit 1; shift; printf "%s\\n" "$@"',
    'apt-cache': 'echo "  Candidate: 1.2"',
  });
  const { status, stderr } = run('install_debian_packages nginx redis-server');
  expect(status).toBe(78);
  const line = stderr.split('\n').find((each) => each.startsWith('  sudo ')) ?? '';
  // What a shell makes of it.
  const words = execFileSync('bash', ['-c', line.replace('sudo', 'printf "%s\\n"')], { encoding: 'utf8' });
  expect(words.trim().split('\n')).toEqual([
    'bash',
    join(root, 'infra/setup/install-debian.sh'),
    'nginx',
    'redis-server',
  ]);
});

test('where there is no sudo either, the line is one for su', () => {
  const { root, run } = checkout({ id: 'echo 1000', 'apt-cache': 'echo "  Candidate: 1.2"' });
  const { stderr } = run(
    'has_program() { return 1; }; command() { [ "$2" != sudo ] && builtin command "$@"; }; install_debian_packages nginx',
  );
  const line = stderr.split('\n').find((each) => each.startsWith('  su root -c ')) ?? '';
  const inner = execFileSync('bash', ['-c', line.replace('su root -c', 'printf "%s"')], { encoding: 'utf8' });
  const words = execFileSync('bash', ['-c', `printf "%s\\n" ${inner}`], { encoding: 'utf8' });
  expect(words.trim().split('\n')).toEqual(['bash', join(root, 'infra/setup/install-debian.sh'), 'nginx']);
});

test('a program that is not there after apt is said by name: a stub of a browser, no such package, a package without its program', () => {
  const { run } = checkout({
    'apt-cache':
      'case $2 in chromium) echo "  Candidate: 2:1snap1-0ubuntu2" ;; zookeeper) echo "  Candidate: (none)" ;; *) echo "  Candidate: 1.2" ;; esac',
  });
  expect(run('name_missing chromium').stderr).toMatch(
    /SECKILL_CHROMIUM=\/path\/to\/chrome npm test\n.*SECKILL_CHROMIUM=none/,
  );
  expect(run('name_missing zookeeper').stderr).toMatch(/zookeeper: apt has no such package here/);
  expect(run('name_missing redis-server').stderr).toMatch(
    /redis-server: apt calls it installed.*--reinstall redis-server/,
  );
});

test('a browser counts when it answers: a stub that asks for a snap does not, a named one does', () => {
  const { root, run } = checkout({
    'chromium-browser': 'echo requires the chromium snap >&2; exit 1',
    mine: 'echo Chromium 156',
  });
  const only = `PATH=${JSON.stringify(join(root, 'bin'))}:$PATH; has() { missing_of chromium; }`;
  // The machine's own must not be seen here.
  const hide = 'command() { case $2 in chromium | google-chrome*) return 1 ;; *) builtin command "$@" ;; esac; }';
  expect(run(`${only}; ${hide}; has`).stdout).toBe('chromium\n');
  expect(run(`${only}; ${hide}; SECKILL_CHROMIUM=mine has`).stdout).toBe('');
  expect(run(`${only}; ${hide}; SECKILL_CHROMIUM=/nowhere has`).stdout).toBe('chromium\n');
  expect(run(`${only}; ${hide}; SECKILL_CHROMIUM=none has`).stdout).toBe('');
});

test('set-up and tests look for the same browsers', () => {
  const read = (path: string) => readFileSync(join(checkoutDir, path), 'utf8');
  const [, inShell = ''] = /\$SECKILL_CHROMIUM"\} (.*); do/.exec(read('infra/setup/programs.sh')) ?? [];
  const [, inTests = ''] = /\? \[(.*)\] : \[named\]/.exec(read('infra/lab/kits/shopper.ts')) ?? [];
  expect(inShell.split(' ')).toContain('chromium');
  expect(inTests).toBe(
    inShell
      .split(' ')
      .map((name) => `'${name}'`)
      .join(', '),
  );
});

test('the script that root runs asks for packages, and for root', () => {
  const { status, stderr } = spawnSync('bash', [join(checkoutDir, 'infra/setup/install-debian.sh')], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(/^usage, as root: bash/) });
});

test('every package of the set-up has a way to see that it is here, and words for a machine without apt', () => {
  const { run } = checkout({});
  const packages = run('echo $runtime_packages $ha_packages $test_packages $bench_packages').stdout.trim().split(' ');
  expect(packages.length).toBeGreaterThan(8);
  const isHere = run('declare -f is_here').stdout;
  for (const name of packages) expect(isHere).toMatch(new RegExp(`^ +${name}\\)$`, 'm'));
  expect(run('is_here unheard-of').status).toBe(1);
  for (const name of ['nginx', 'redis-server', 'zookeeper', 'postgresql', 'chromium', 'lua-cjson']) {
    expect(run(`in_words ${name}`).stdout.trim().length).toBeGreaterThan(name.length);
  }
});

test('candidates are read also when apt speaks another language, and a stub for a snap is none', () => {
  const { run } = checkout({
    'apt-cache': `[ -z "$LANGUAGE" ] && [ "$LC_ALL" = C ] || { echo "  Installationskandidat: 1.2"; exit; }
case $2 in chromium) echo "  Candidate: 2:1snap1-0ubuntu2" ;; old) echo "  Candidate: 1.0~snapshot2026" ;; *) echo "  Candidate: 1.2" ;; esac`,
  });
  expect(run('export LANGUAGE=de LC_ALL=de_DE.UTF-8; has_candidate nginx').status).toBe(0);
  expect(run('has_candidate old').status).toBe(0);
  expect(run('has_candidate chromium').status).toBe(1);
});

/** The script that root runs, on a root of its own with an apt of its own, which leaves what a real one would. */
function installed(options: { apt?: string; before?: string; packages?: string[] } = {}) {
  const { root } = checkout({
    id: 'echo 0',
    'apt-cache': 'case $2 in absent) echo "  Candidate: (none)" ;; *) echo "  Candidate: 1.2" ;; esac',
    'dpkg-query': `case "${options.before ?? ''}" in *$3*) echo installed ;; *) exit 1 ;; esac`,
    'update-rc.d': 'echo "update-rc.d $*" >> "$SECKILL_SETUP_ROOT/calls"',
    'deb-systemd-helper': 'echo "$DPKG_MAINTSCRIPT_PACKAGE: $*" >> "$SECKILL_SETUP_ROOT/calls"',
    'apt-get': `cd "$SECKILL_SETUP_ROOT"
case " $* " in
  *" update "*) ${options.apt ?? 'true'} ;;
  *" install "*)
    echo "$*" >> calls
    sh usr/sbin/policy-rc.d; echo "policy: $?, $(env -u SECKILL_SETUP sh usr/sbin/policy-rc.d; echo $?)" >> calls
    grep -c create_main_cluster etc/postgresql-common/createcluster.d/seckill-setup.conf >> calls
    mkdir -p etc/init.d lib/systemd/system
    touch etc/init.d/nginx lib/systemd/system/nginx.service etc/init.d/postgresql ;;
esac`,
  });
  const script = join(root, 'infra/setup/install-debian.sh');
  const ended = spawnSync('bash', [script, ...(options.packages ?? ['nginx', 'postgresql'])], {
    env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin`, SECKILL_SETUP_ROOT: root, SECKILL_SETUP_WAIT: '0' },
    encoding: 'utf8',
    timeout: 60_000,
  });
  const calls = existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') : [];
  const left = ['usr/sbin/policy-rc.d', 'etc/postgresql-common/createcluster.d/seckill-setup.conf'].filter((file) =>
    existsSync(join(root, file)),
  );
  return { status: ended.status, stdout: ended.stdout, stderr: ended.stderr, calls, left };
}

test.runIf(process.platform === 'linux')(
  'servers that apt brings start neither now nor at the next boot, and nothing of that stays',
  () => {
    const { status, calls, left } = installed();
    expect(status).toBe(0);
    expect(calls).toEqual([
      expect.stringMatching(/install -y --no-install-recommends nginx postgresql$/),
      'policy: 101, 0', // below this script; and for the rest of the machine
      '1',
      'nginx: disable nginx.service',
      'update-rc.d nginx disable',
      'update-rc.d postgresql disable',
    ]);
    expect(left).toEqual([]);
  },
);

test.runIf(process.platform === 'linux')('a server that was installed before is not touched', () => {
  expect(installed({ before: 'nginx-common' }).calls.filter((call) => /disable/.test(call))).toEqual([
    'update-rc.d postgresql disable',
  ]);
});

test.runIf(process.platform === 'linux')(
  'package lists that are locked are waited for; lists that cannot be had are a failure with its words',
  () => {
    const held = '[ -e once ] || { touch once; echo "E: Could not get lock /var/lib/apt/lists/lock" >&2; exit 100; }';
    expect(installed({ apt: held })).toMatchObject({ status: 0, left: [] });
    const away = installed({ apt: 'echo "E: no network" >&2; exit 100', packages: ['absent'] });
    expect(away).toMatchObject({
      status: 100,
      stdout: expect.stringMatching(/no network(.|\n)*no candidate: absent/),
      left: [],
    });
  },
);
