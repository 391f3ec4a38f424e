import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test, vi } from 'vitest';
import { examples } from '#infra/cli/examples.ts';
import { makeCertificate } from '#lab/kits/certificate.ts';
import { seckill } from '#lab/kits/command-line.ts';
import { checkout, deployDir, makeSecrets } from '#lab/kits/process-settings.ts';
import { poll } from '#lab/poll.ts';
import { freePort } from '#lab/servers/free-port.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';

// A busy machine takes long for what is done in a moment elsewhere.
vi.setConfig({ testTimeout: 180_000 });

const run = promisify(execFile);
const render = (...args: string[]) => seckill({}, 'edge', 'render', ...args);

let dir: string;
beforeAll(async () => {
  dir = temporaryDirectory('edge-render');
  await chmod(dir, 0o755);
});

/** The file that compose.yaml mounts, or the one of Kubernetes, with addresses and places of this test. */
async function fileOf(name: string, changes: Record<string, unknown> = {}) {
  const original = JSON.parse(await readFile(join(deployDir, name), 'utf8')) as Record<string, unknown> & {
    tls: Record<string, string>;
  };
  const secrets = join(dir, 'secrets');
  makeSecrets(secrets);
  const { authority, certificate, certificateKey } = makeCertificate(secrets);
  const [listen, inner, tls] = [await freePort(), await freePort(), await freePort()];
  const file = join(dir, 'edge.json');
  const local = {
    ...original,
    // Who tests as root must be root in the workers too, or they could not enter the directory of the test.
    user: process.getuid?.() === 0 ? 'root' : null,
    runDir: join(dir, 'run'),
    listen: `127.0.0.1:${listen}`,
    innerListen: `127.0.0.1:${inner}`,
    luaDir: join(checkout, 'nginx-lua/lua'),
    pagesDir: join(dir, 'pages'),
    serviceServers: ['localhost:9000'],
    gatewayServer: join(dir, 'gateway.sock'),
    orderServers: ['localhost:9000'],
    agentSocket: join(dir, 'agent.sock'),
    cacheRedis: 'localhost:6379',
    cacheRedisPasswordFile: join(secrets, 'queue-redis-password'),
    ticketKeysFile: join(secrets, 'ticket-keys'),
    workers: 1,
    tls: { ...original.tls, listen: `127.0.0.1:${tls}`, certificate, certificateKey },
    ...changes,
  };
  await writeFile(file, JSON.stringify(local));
  return { file, ports: { listen, inner, tls }, authority };
}

test.each(['edge/edge.json', 'kubernetes/edge.json'])(
  '%s renders to what nginx accepts, and an edge starts from it, speaks TLS and stops in order',
  async (name) => {
    const { file, ports, authority } = await fileOf(name);
    const [conf, runDir] = [join(dir, 'conf'), join(dir, 'run')];
    await mkdir(join(dir, 'pages/sales'), { recursive: true });
    await writeFile(join(dir, 'pages/sales/open.html'), 'the page');
    const rendered = await render(file, '--out', conf, '--edge-id', 'edge-7', '--server-name', 'shop.test', '--json');
    expect(JSON.parse(rendered.stdout)).toEqual({ config: join(conf, 'nginx.conf'), edgeId: 'edge-7', dryRun: false });
    expect(await readFile(join(conf, 'settings.lua'), 'utf8')).toMatch(
      /edge_id = 'edge-7'[\s\S]*cache_redis = '(127.0.0.1|\[::1\]):6379'/,
    );
    const checked = await run('nginx', ['-t', '-e', 'stderr', '-p', runDir, '-c', join(conf, 'nginx.conf')]);
    expect(checked.stderr).toContain('test is successful');

    // Node's pipe is a socket, as the journal's is: nothing that nginx could open by name.
    const stdout = name === 'edge/edge.json' ? 'ignore' : 'pipe';
    const edge = spawn('sh', [join(deployDir, 'edge/start.sh'), conf, runDir], { stdio: ['ignore', stdout, 'pipe'] });
    const ended = once(edge, 'exit');
    let said = '';
    edge.stderr?.on('data', (chunk) => {
      said += String(chunk);
    });
    try {
      const isAlive = () =>
        fetch(`http://127.0.0.1:${ports.inner}/healthz`).then(
          (answer) => answer.ok,
          () => false,
        );
      await poll('the edge lives', isAlive, 60_000);
      const page = await new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port: ports.tls, path: '/sales/open', ca: authority, agent: false };
        get(options, (answer) => resolve(answer.resume().statusCode)).on('error', reject);
      });
      expect(page).toBe(200);
      const plain = await fetch(`http://127.0.0.1:${ports.listen}/`, { redirect: 'manual' });
      expect([plain.status, plain.headers.get('location')]).toEqual([308, 'https://shop.test/']);
      // No agent yet: it lives, and is not ready for a crowd.
      expect((await fetch(`http://127.0.0.1:${ports.inner}/readyz`)).status).toBe(503);
      const purchases = await lstat(join(runDir, 'purchases.log'));
      expect([purchases.isSymbolicLink(), purchases.isFile()]).toEqual([stdout === 'ignore', stdout === 'pipe']);
    } finally {
      edge.kill('SIGQUIT');
      await ended;
      await rm(runDir, { recursive: true });
    }
    expect([edge.exitCode, said]).toEqual([0, expect.not.stringMatching(/\[emerg\]/)]);
  },
);

test('a file that cannot work is refused with every problem, and nothing is written', async () => {
  const refused = async (changes: Record<string, unknown>, ...args: string[]) => {
    const { file } = await fileOf('edge/edge.json', changes);
    const out = join(dir, 'never');
    const result = await render(file, '--out', out, ...args);
    expect(await readFile(join(out, 'nginx.conf')).catch(() => 'nothing')).toBe('nothing');
    return result;
  };
  const several = await refused({ workers: 0, listne: '127.0.0.1:1', serviceServers: [], pagesDir: 'pages' });
  expect(several.code).toBe(78);
  for (const word of ['workers', 'listne', 'serviceServers', 'pagesDir']) expect(several.stderr).toContain(word);
  expect(await refused({ cacheRedis: 'no-such-host.invalid:6379' })).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('no-such-host.invalid, which has no address'),
  });
  const { file: doubled } = await fileOf('edge/edge.json');
  await writeFile(doubled, (await readFile(doubled, 'utf8')).replace('"workers":', '"workers":8,"workers":'));
  expect(await render(doubled, '--out', join(dir, 'never'))).toMatchObject({
    code: 78,
    stderr: expect.stringContaining(`${doubled} has "workers" twice, both in line 1`),
  });
  expect(await render('/dev/zero', '--out', join(dir, 'never'))).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('/dev/zero is a device: name a regular file'),
  });
  expect(await refused({ pagesDir: '/pages"; evil' })).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('pagesDir'),
  });
  expect(await refused({ tls: null }, '--server-name', 'shop.test')).toMatchObject({ code: 78 });
  expect(await refused({ trustedProxies: ['0.0.0.0/0'] }, '--dry-run')).toMatchObject({ code: 78 });
});

test('a file is checked on a machine that does not know the name of its Redis, as the example of the help does', async () => {
  const { file } = await fileOf('edge/edge.json', { cacheRedis: 'no-such-host.invalid:6379' });
  expect(await render(file, '--out', join(dir, 'never'), '--dry-run')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${file} is fine`),
    stderr: expect.stringContaining(`warning: ${file}: cacheRedis names no-such-host.invalid, which has no address`),
  });
  for (const example of examples['edge render'] ?? []) {
    expect(example).toContain('--dry-run');
    const args = example.replace('infra/deploy', deployDir).split(' ');
    expect(await seckill({}, ...args)).toMatchObject({ code: 0, stdout: expect.stringContaining('is fine') });
  }
});

test('an edge that was not rendered says so', async () => {
  const error: unknown = await run('sh', [join(deployDir, 'edge/start.sh'), join(dir, 'none'), dir]).catch(
    (reason) => reason,
  );
  expect(error).toMatchObject({ code: 78, stderr: expect.stringContaining('seckill edge render') });
});

test('an edge that cannot read its secrets says which, and as which user, instead of starting', async () => {
  const authorities = join(dir, 'redis-ca.pem');
  await writeFile(authorities, 'whom to trust');
  const cache = { cacheRedisTls: { authorities, serverName: 'queue-redis.example' } };
  const { file } = await fileOf('edge/edge.json', cache);
  const [conf, runDir] = [join(dir, 'unreadable'), join(dir, 'run')];
  expect((await render(file, '--out', conf)).code).toBe(0);
  const { tls, ticketKeysFile, cacheRedisPasswordFile } = JSON.parse(await readFile(file, 'utf8'));
  const paths: string[] = [tls.certificate, tls.certificateKey, ticketKeysFile, cacheRedisPasswordFile, authorities];
  for (const path of paths) await chmod(path, 0o000);
  // By stdin and from the test's directory: the checkout may lie where no other user comes.
  const script = await readFile(join(deployDir, 'edge/start.sh'), 'utf8');
  const other = process.getuid?.() === 0 ? { uid: 10_001, gid: 10_001 } : {};
  const start = (user = other) =>
    spawnSync('sh', ['-s', conf, runDir], { input: script, cwd: dir, encoding: 'utf8', ...user });
  const refused = start();
  expect([refused.status, refused.stdout]).toEqual([78, '']);
  const uid = other.uid ?? process.getuid?.();
  for (const path of paths) expect(refused.stderr).toContain(`edge: uid ${uid} cannot read ${path} (`);
  expect(refused.stderr).toContain('make-secrets.sh');
  for (const path of paths) await rm(path);
  for (const path of paths) expect(start().stderr).toContain(`cannot read ${path} (it is not there)`);
  for (const path of [ticketKeysFile, authorities]) {
    execFileSync('mkfifo', ['-m', '644', path]);
    expect(start({}).stderr).toMatch(new RegExp(`cannot read ${path} \\(prw-r--r-- .*\\)`));
  }
});
