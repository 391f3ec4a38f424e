import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { formatTicketKeys, parseTicketKeys } from '#contract/ticket.ts';
import { test } from '#lab/fixtures/test.ts';
import { seckill, seckillJson } from '#lab/kits/command-line.ts';
import type { EdgesKit } from '#lab/kits/edges.ts';
import { whileFrozen } from '#lab/kits/processes.ts';
import { poll } from '#lab/poll.ts';
import { call, getTicket, signIn } from '#loadtest/crowd/shopper.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { readKeyHolders } from '#sales/key-holders.ts';
import { nextKeysText, rotateKeys } from '../cli/keys/rotate-keys.ts';
import { readTicketKeysFile } from '../cli/keys/ticket-keys-file.ts';
import { stackStatus } from '../stack/stack.ts';

let kit: EdgesKit;
let zookeeper: ZooKeeper;
let saleId: string;
/** The file's text before; everybody has it again afterwards. */
let before: string;
test.beforeAll(async ({ edges }) => {
  kit = edges;
  zookeeper = askingAgain(kit.connections.zookeeper);
  before = await readFile(kit.keysFile, 'utf8');
  saleId = await kit.openSale(10_000);
});
afterAll(async () => {
  await writeFile(kit.keysFile, before);
  await everyoneHas(parseTicketKeys(before).map(({ id }) => id));
});

/** ZooKeeper, read again when it gave no answer in time: a busy machine may stand still for a moment. */
function askingAgain(once: ZooKeeper): ZooKeeper {
  const again = <T>(ask: () => Promise<T>): Promise<T> =>
    poll('an answer of ZooKeeper', () =>
      ask().then(
        (answer) => ({ answer }),
        () => null,
      ),
    ).then(({ answer }) => answer);
  return {
    ...once,
    read: (path, watch) => again(() => once.read(path, watch)),
    children: (path, watch) => again(() => once.children(path, watch)),
  };
}

const keys = async () => parseTicketKeys(await readFile(kit.keysFile, 'utf8'));
const keyIds = async () => (await keys()).map(({ id }) => id);
const holders = () => readKeyHolders(zookeeper);
/** Three nginx, three gateways, one service. */
const everyoneHas = (ids: string[]) =>
  poll(`everyone to have ${ids.join()}`, async () => {
    const all = await holders();
    return all.length === 7 && all.every((holder) => holder.keyIds.join() === ids.join());
  });

/** What the command does, in this process: on a busy machine a command may take longer to start than it has to wait. */
async function rotate(withinMs = 90_000) {
  const file = await readTicketKeysFile(kit.stack.environment);
  return rotateKeys({ zookeeper, file, withinMs, onProgress: () => {} });
}

/** Gets a ticket at one edge as a shopper does, and buys with it at the next, again and again. */
async function shopUntil(isOver: () => boolean): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  for (let turn = 0; !isOver(); turn += 1) {
    const [here, there] = [kit.pools[turn % 3], (turn + 1) % 3];
    if (here === undefined) throw new Error('no such edge');
    // Told to wait, or nothing at all, it asks again as the page does: that refuses no ticket.
    const held = await poll('a ticket or a refusal', async () => {
      const given = await signIn(here)
        .then((shopper) => getTicket(here, saleId, shopper))
        .catch(() => null);
      return given !== null && ('ticket' in given || given.status !== 503) && given;
    });
    const answer = 'ticket' in held ? await kit.sell(there, saleId, held) : `no ticket: ${held.status}`;
    answers[answer] = (answers[answer] ?? 0) + 1;
  }
  return answers;
}

test('a rotation refuses no good ticket, of before, during and after it, and restarts nothing', async () => {
  await everyoneHas(['k1']);
  const before = (await stackStatus(kit.stack.dir)).processes.map(({ name, pid }) => [name, pid]);
  const early = Array.from({ length: 30 }, () => kit.buyer(saleId));
  let isOver = false;
  const shopping = Promise.all([1, 2, 3].map(() => shopUntil(() => isOver)));
  const rotation = await rotate().finally(() => {
    isOver = true;
  });
  for (const answers of await shopping) expect(answers).toEqual({ '202': expect.any(Number) });
  expect(rotation).toMatchObject({ signing: 'k2', checking: ['k1'], dropped: [] });
  expect(rotation.holders).toHaveLength(7); // three nginx, three gateways, one service
  for (const [index, buyer] of early.entries()) expect(await kit.sell(index % 3, saleId, buyer)).toBe('202');
  const signed = kit.buyer(saleId);
  expect(signed.ticket).toMatch(/^1\.k2\./);
  expect(await kit.sell(0, saleId, signed)).toBe('202');
  expect((await stackStatus(kit.stack.dir)).processes.map(({ name, pid }) => [name, pid])).toEqual(before);
  expect((await stat(kit.keysFile)).mode & 0o777).toBe(0o600);

  for (const holder of await holders()) expect(holder.keyIds).toEqual(['k2', 'k1']);
});

test('a key is not dropped while its tickets may be good, unless one insists', async () => {
  const refused = await seckill(kit.stack.environment, 'keys', 'rotate');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('k1 may have signed tickets')]);
  expect(await keyIds()).toEqual(['k2', 'k1']);
  const old = kit.buyer(saleId);
  const rotation = await seckillJson(kit.stack.environment, 'keys', 'rotate', '--now');
  expect(rotation).toMatchObject({ signing: 'k3', checking: ['k2'], dropped: ['k1'] });
  expect(await kit.sell(1, saleId, old)).toBe('202');
});

test('a rotation that cannot reach everybody names who is missing, leaves nothing broken, and is gone on with', async () => {
  await everyoneHas(['k3', 'k2']);
  await whileFrozen('service-1', () =>
    poll('the rotation to miss the service, and nobody else', async () => {
      const stuck = await rotate(1000).catch((error: Error) => error.message);
      return typeof stuck === 'string' && /not within 1 s: service-1\. k4 does not sign/.test(stuck);
    }),
  );
  expect(await keyIds()).toEqual(['k3', 'k2', 'k4']);
  await poll('the service', async () => (await kit.buy(0, saleId, kit.buyer(saleId))) === '202');
  expect(await rotate()).toMatchObject({ signing: 'k4', checking: ['k3'] });
});

test('the next text comes step by step, and none from a file that is out of date', async () => {
  await everyoneHas(['k4', 'k3']);
  const before = await keys();
  const first = await nextKeysText(zookeeper, before);
  expect(parseTicketKeys(first).map(({ id }) => id)).toEqual(['k4', 'k3', 'k5']);
  await writeFile(kit.keysFile, first);
  await everyoneHas(['k4', 'k3', 'k5']);
  await expect(nextKeysText(zookeeper, before)).rejects.toThrow('knows k5, and this file does not');
  const second = await nextKeysText(zookeeper, await keys());
  expect(parseTicketKeys(second).map(({ id }) => id)).toEqual(['k5', 'k4']);
  await writeFile(kit.keysFile, second);
  await everyoneHas(['k5', 'k4']);
});

test('a file that makes no sense changes nothing and is told in the log, without a word of it', async () => {
  const good = await readFile(kit.keysFile, 'utf8');
  await writeFile(kit.keysFile, 'k9:too short to be a secret');
  const log = async () => readFile(join(kit.stack.dir, 'logs', 'gateway-2.log'), 'utf8');
  await poll('the gateway to say so', async () => (await log()).includes('the last good text stays in force'));
  expect(await log()).not.toContain('too short to be');
  await expect(rotate()).rejects.toThrow('must be id:secret pairs');
  await writeFile(kit.keysFile, good);
  expect(await kit.sell(1, saleId, kit.buyer(saleId))).toBe('202');
});

test('no secret is in a log, in the metrics, in ZooKeeper, in an argument list or in what is shown', async () => {
  const secrets = (await keys()).map(({ secret }) => secret);
  expect(formatTicketKeys(await keys()).length).toBeGreaterThan(120);
  const { processes } = await stackStatus(kit.stack.dir);
  const logs = join(kit.stack.dir, 'logs');
  const texts = await Promise.all([
    ...(await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')),
    ...processes.flatMap(({ innerUrl }) =>
      innerUrl === null ? [] : [fetch(`${innerUrl}/metrics`).then((answer) => answer.text())],
    ),
    ...processes.map(({ pid }) => readFile(`/proc/${pid}/cmdline`, 'utf8')),
    tree('/seckill'),
    seckill({}, 'status', '--dir', kit.stack.dir).then(({ stdout }) => stdout),
    call(kit.pools[0] ?? expect.fail('no edge'), 'GET', '/api/sales').then(({ body }) => JSON.stringify(body)),
  ]);
  expect(texts.join('\n')).toContain('k5'); // the ids are there, so this looks at the right places
  for (const secret of secrets) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
});

/** Everything that stands below a node of ZooKeeper. */
async function tree(path: string): Promise<string> {
  const node = await zookeeper.read(path);
  const children = await zookeeper.children(path);
  const below = await Promise.all(children.map((name) => tree(`${path}/${name}`)));
  return [`${path} ${node?.data.toString() ?? ''}`, ...below].join('\n');
}
