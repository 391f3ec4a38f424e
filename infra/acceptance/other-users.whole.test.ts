import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { opsPaths } from '#contract/ops.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { stackStatus } from '#infra/stack/stack.ts';
import { seckill } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { ZooKeeperRefusedError } from '#runtime/zookeeper/refused.ts';

// Another user of this machine reaches every port of a local stack, and reads what is not closed to him.
const { dir, env } = stackUnderTest();
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

test.each(['SECKILL_STOCK_REDIS_URL', 'SECKILL_QUEUE_REDIS_URL'])(
  'without its password %s takes no command',
  async (name) => {
    const { hostname, port } = new URL(env[name] ?? '');
    const socket = connect(Number(port), hostname);
    socket.end('SET seckill:x 1\r\nCONFIG GET requirepass\r\nHGETALL seckill:x\r\n');
    const answers = (await text(socket)).trimEnd().split('\r\n');
    expect(answers).toHaveLength(3);
    for (const answer of answers) expect(answer).toMatch(/^-NOAUTH /);
  },
);

test('without its password no client changes our nodes in ZooKeeper', async () => {
  const zookeeper = connectZooKeeper({
    ...{ connection: env.SECKILL_ZOOKEEPER ?? '', logger },
    ...{ sessionTimeoutMs: 10_000, callTimeoutMs: 20_000 },
  });
  onTestFinished(zookeeper.close);
  const { root, sales, edges, services, settings, edgeSettings } = zookeeperPaths;
  const poison = Buffer.from(
    JSON.stringify({ version: 2 ** 53 - 1, limits: {}, maintenance: { retryAfterSeconds: 60 } }),
  );
  // The leading service may have just begun.
  await poll('the nodes to be closed', () =>
    zookeeper.create(`${root}/x`, poison).then(
      () => false,
      (error: unknown) => error instanceof ZooKeeperRefusedError,
    ),
  );
  for (const parent of [sales, edges, services, settings]) {
    await expect(zookeeper.create(`${parent}/x`, poison)).rejects.toThrow(ZooKeeperRefusedError);
    for (const name of await zookeeper.children(parent)) {
      const path = `${parent}/${name}`;
      const node = await zookeeper.read(path); // a sale of another test may end meanwhile
      if (node === null) continue;
      await expect(zookeeper.write(path, poison, node.version + 1000)).rejects.toThrow(ZooKeeperRefusedError);
      await expect(zookeeper.remove(path)).rejects.toThrow(ZooKeeperRefusedError);
    }
  }
  const set = await zookeeper.read(edgeSettings);
  if (set !== null)
    await expect(zookeeper.write(edgeSettings, poison, set.version)).rejects.toThrow(ZooKeeperRefusedError);
});

test('a command with another password than the tree has is refused with the reason, as a matter of configuration', async () => {
  const wrong = { ...env, SECKILL_ZOOKEEPER_AUTH: `seckill:${'x'.repeat(32)}` };
  const { code, stderr } = await seckill(wrong, 'edge', 'set', 'userBurst', '20', '--yes');
  expect([code, stderr]).toEqual([78, expect.stringContaining('the node belongs to another SECKILL_ZOOKEEPER_AUTH')]);
});

test('without its password PostgreSQL lets no client in', async () => {
  const url = new URL(env.SECKILL_DATABASE_URL ?? '');
  for (const [user, password] of [
    ['seckill', ''],
    ['seckill', 'a guess'],
    ['postgres', ''],
  ] as const) {
    const client = new Client({
      ...{ host: url.hostname, port: Number(url.port), database: 'seckill', user, password, ssl: false },
    });
    client.on('error', () => {}); // told below
    await expect(client.connect()).rejects.toThrow(/password|authentication/i);
  }
});

test('without its token our processes change nothing', async () => {
  const { processes } = await stackStatus(dir);
  const inner = (role: string) => processes.find((each) => each.role === role)?.innerUrl ?? '';
  const asked = [
    ['POST', `${inner('order-worker')}${opsPaths.drain}`],
    ['POST', `${inner('order-worker')}${opsPaths.retry}`],
    ['POST', `${inner('gateway')}/console/api/drain`],
    ['PUT', `${env.SECKILL_PAYMENT_URL}/sandbox/behaviour`],
    ['POST', `${env.SECKILL_PAYMENT_URL}/v1/refunds`],
  ] as const;
  for (const [method, url] of asked) {
    const { status } = await fetch(url, { method, body: '{}', headers: { 'content-type': 'application/json' } });
    expect([url, status]).toEqual([url, 401]);
  }
});

test('no secret stands in a command line, in a log, or in a file that others may read', async () => {
  const names = await readdir(join(dir, 'secrets'));
  const secrets = names.flatMap((name) => {
    const path = join(dir, 'secrets', name);
    expect([name, statSync(path).mode & 0o077]).toEqual([name, 0]);
    const text = readFileSync(path, 'utf8').trim();
    return [text, text.slice(text.indexOf(':') + 1)]; // also without the user or the key's id
  });
  expect(secrets.length).toBeGreaterThan(10);
  const leaks = (text: string) => secrets.some((secret) => text.includes(secret));

  const { processes } = await stackStatus(dir);
  for (const { name, pid } of processes) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''); // it may have ended, or this is no Linux
    expect([name, leaks(line)]).toEqual([name, false]);
  }
  /** Every file below that another user may read, or, with `all`, every one. */
  const filesIn = (folder: string, all: boolean): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (!entry.isDirectory() && !entry.isFile()) return [];
      const { mode, size } = statSync(path, { throwIfNoEntry: false }) ?? { mode: 0, size: 0 };
      if (entry.isDirectory()) return all || (mode & 0o001) !== 0 ? filesIn(path, all) : [];
      return (all || (mode & 0o004) !== 0) && size < 20_000_000 ? [path] : [];
    });
  // A log travels further than its mode says.
  const read = [...filesIn(dir, false), ...filesIn(join(dir, 'logs'), true)];
  expect(read.length).toBeGreaterThan(5);
  expect(read.filter((path) => leaks(readFileSync(path, 'utf8')))).toEqual([]);
});
