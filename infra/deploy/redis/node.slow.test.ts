import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { freePort } from '#lab/servers/free-port.ts';
import { spawnTied, type TiedProcess } from '#lab/servers/tied-process.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { fieldsOf } from '#runtime/redis/sentinel.ts';

// Three machines are three ports of this one: what compose and Kubernetes mount, started as they start it.

const here = import.meta.dirname;
const password = 'of-redis';
const sentinelPassword = 'of-the-sentinels';

async function threeMachines() {
  const home = temporaryDirectory('redis-nodes');
  for (const name of ['node.sh', 'sentinel.sh', 'ask-sentinels.sh']) copyFileSync(join(here, name), join(home, name));
  for (const name of ['redis.sh', 'redis-under-sentinels.sh'])
    copyFileSync(join(here, '../../stack/servers', name), join(home, name));
  writeFileSync(join(home, 'password'), password);
  writeFileSync(join(home, 'sentinel-password'), sentinelPassword);
  const base = join(home, 'base.conf');
  const settings = ['bind 127.0.0.1', `requirepass ${password}`, 'appendonly yes', 'appendfsync always', 'save ""'];
  writeFileSync(base, [...settings, 'repl-diskless-sync-delay 0', ''].join('\n'));
  const machines = await Promise.all(
    [1, 2, 3].map(async (number) => ({ number, port: await freePort(), sentinelPort: await freePort() })),
  );
  const environment = {
    PATH: process.env.PATH,
    BIND: '127.0.0.1',
    SENTINELS: machines.map(({ sentinelPort }) => `localhost:${sentinelPort}`).join(' '),
    SENTINEL_PASSWORD_FILE: join(home, 'sentinel-password'),
    REDIS_NAME: 'stock',
    REDIS_PASSWORD_FILE: join(home, 'password'),
    PASSWORD_FILES: `stock=${join(home, 'password')}`,
    PRIMARIES: `stock=localhost:${machines[0]?.port}`,
  };
  const running: TiedProcess[] = [];
  const clients: Redis[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.disconnect();
    await Promise.all(running.map((each) => each.end('SIGKILL')));
  });
  const run = (script: string, args: string[], own: Record<string, string>) => {
    const options = { env: { ...environment, ...own }, stdio: ['ignore', 'pipe', 'inherit'] as const };
    const started = spawnTied('/bin/sh', [join(home, script), 'redis-server', ...args], {
      ...options,
      stdio: [...options.stdio],
    });
    const process = { ...started, said: '' };
    started.child.stdout?.on('data', (text: Buffer) => {
      process.said += text.toString();
    });
    running.push(started);
    return process;
  };
  const client = (port: number, auth: string, maxRetriesPerRequest: number | null) => {
    const redis = new Redis({
      host: '127.0.0.1',
      ...{ port, password: auth, replyMapping: 'legacy' as const, maxRetriesPerRequest, retryStrategy: () => 50 },
    });
    redis.on('error', () => undefined); // it is away on purpose
    clients.push(redis);
    return redis;
  };
  return machines.map(({ number, port, sentinelPort }) => {
    const [data, runDir, state] = ['data', 'run', 'sentinel'].map((kind) => join(home, `${kind}-${number}`)) as [
      string,
      string,
      string,
    ];
    for (const dir of [data, runDir, state]) mkdirSync(dir);
    const redis = client(port, password, 0);
    return {
      port,
      redis,
      state,
      startRedis: () => run('node.sh', [base, data, runDir], { REDIS_ADDRESS: 'localhost', REDIS_PORT: String(port) }),
      startSentinel: () =>
        run('sentinel.sh', [state], { SENTINEL_ADDRESS: 'localhost', SENTINEL_PORT: String(sentinelPort) }),
      losesDisk: () => {
        rmSync(data, { recursive: true });
        mkdirSync(data);
      },
      sentinel: client(sentinelPort, sentinelPassword, null),
      /** The file changes; a sentinel that runs does not see it. */
      changesSentinelPassword: (to: string) => {
        writeFileSync(environment.SENTINEL_PASSWORD_FILE, to);
        return client(sentinelPort, to, 0);
      },
      role: async () => {
        const info = await redis.info('replication').catch(() => '');
        if (/^role:master/m.test(info)) return 'primary';
        return /^master_link_status:up/m.test(info) ? 'replica' : null;
      },
    };
  });
}

test('an empty directory becomes primary at the very first start alone: one that lost its disk waits for another primary', async () => {
  const [one, two, three] = await threeMachines();
  if (one === undefined || two === undefined || three === undefined) throw new Error('three machines');
  // Without a majority of sentinels there is no primary to ask for.
  const first = one.startRedis();
  const sentinels = [one.startSentinel()];
  await poll('it to wait', () => first.said.includes('waits: 1 of 3 sentinels answer'));
  expect(first.said).not.toContain('start');
  // Two would do for a server with data. The first start of all wants to hear all three.
  sentinels.push(two.startSentinel());
  await poll('it to wait for the third', () => first.said.includes('its directory is empty'));
  sentinels.push(three.startSentinel());
  // They look every 10 s otherwise.
  for (const { sentinel } of [one, two, three])
    await sentinel.call('SENTINEL', 'DEBUG', 'info-period', 200, 'publish-period', 200);
  await poll('the first primary', async () => (await one.role()) === 'primary');
  const others = [two.startRedis(), three.startRedis()];
  for (const each of [two, three]) await poll('a replica', async () => (await each.role()) === 'replica');
  expect(others.map(({ said }) => said.includes(`is localhost:${one.port}: starting as its replica`))).toEqual([
    true,
    true,
  ]);
  await one.redis.set('a yes', 'kept');
  expect(await one.redis.wait(2, 5000)).toBe(2);
  for (const { sentinel } of [two, three]) {
    await poll('all to be known, and each replica to be one that may be promoted', async () => {
      const known = fieldsOf(await sentinel.call('SENTINEL', 'MASTER', 'stock'));
      const replicas = ((await sentinel.call('SENTINEL', 'REPLICAS', 'stock')) as unknown[]).map(fieldsOf);
      const isReady = replicas.length === 2 && replicas.every((replica) => replica['slave-priority'] === '100');
      return isReady && known['num-other-sentinels'] === '2';
    });
  }

  // Its machine is replaced: an empty disk, and back before the sentinels have missed it.
  await first.end('SIGKILL');
  await sentinels[0]?.end('SIGKILL');
  one.losesDisk();
  rmSync(join(one.state, 'sentinel.conf'));
  const again = one.startRedis();
  const sentinel = one.startSentinel();
  // Two sentinels that begin an election at the same instant both lose it, and the next one comes 6 s later: it may take several.
  await poll('it to follow another', async () => (await one.role()) === 'replica', 90_000);
  expect(again.said).toMatch(/is localhost:\d+: starting as its replica/);
  for (const each of [one, two, three]) expect(await each.redis.get('a yes')).toBe('kept');
  // Its sentinel asked the others, and watches the primary of now.
  const place = (await one.sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'stock')) as string[];
  expect(place[1]).not.toBe(String(one.port));
  expect(existsSync(join(one.state, 'sentinel.conf'))).toBe(true);
  expect(readFileSync(join(one.state, 'sentinel.conf'), 'utf8').match(/^requirepass/gm)).toHaveLength(1);

  // What the sentinel has written itself keeps no password alive.
  await sentinel.end('SIGTERM');
  const changed = one.changesSentinelPassword('another-one');
  one.startSentinel();
  await poll('the new password to be taken', () => changed.ping(), 10_000);
});
