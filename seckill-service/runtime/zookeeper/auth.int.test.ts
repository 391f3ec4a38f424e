import { afterEach, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { ownZooKeeperTree } from '#lab/servers/zookeeper.ts';
import { createLogger } from '../logger.ts';
import { connectZooKeeper, type ZooKeeper } from './client.ts';
import { keepProtected, protectTree } from './protection.ts';
import { ZooKeeperRefusedError } from './refused.ts';
import { watchChildren } from './watch.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const connection = await ownZooKeeperTree();
const [ours, older] = ['seckill:a password of the tests', 'seckill:the password before it'];
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function client(...auth: string[]): ZooKeeper {
  const zookeeper = connectZooKeeper({ connection, auth, logger, sessionTimeoutMs: 10_000, callTimeoutMs: 20_000 });
  closers.push(zookeeper.close);
  return zookeeper;
}
const text = (value: string) => Buffer.from(value);

test('what is created with a password can be read by every client and changed only with the password', async () => {
  const [us, stranger] = [client(ours), client()];
  // Asked for before there is a connection: the password goes first all the same.
  expect(await us.create('/a/settings', text('1'))).toBe(true);
  expect(await client(ours).create('/a/other', text('2'), 'ephemeral')).toBe(true);
  expect((await stranger.read('/a/settings'))?.data.toString()).toBe('1');
  const refused = [
    stranger.write('/a/settings', text('9'), 0),
    stranger.remove('/a/settings'),
    stranger.create('/a/more', text('9')),
    client(older).write('/a/settings', text('9'), 0),
  ];
  for (const each of refused) await expect(each).rejects.toThrow(ZooKeeperRefusedError);
  await expect(stranger.create('/a/more', text('9'))).rejects.toThrow(/SECKILL_ZOOKEEPER_AUTH is not set/);
  expect(await us.write('/a/settings', text('3'), 0)).toBe(true);
  // It answers: a refusal is no reason to start a new session.
  expect(stranger.ready()).toBeNull();
});

test('who may only read follows a folder all the same', async () => {
  await client(ours).create('/b/folder/one', text('1'));
  const seen: string[] = [];
  const watch = watchChildren({
    zookeeper: client(),
    parent: '/b/folder',
    logger,
    onChange: (name) => seen.push(name),
  });
  closers.push(watch.close);
  await poll('the child', async () => seen.includes('one'));
});

test('a tree from before the password, and one of an older password, become ours', async () => {
  await client().create('/c/sales/one', text('1'));
  await client(older).create('/c/sales/two', text('2'));
  const us = client(ours, older);
  const kept = keepProtected({
    zookeeper: us,
    root: '/c',
    leadership: { isLeader: () => true, close: () => {} },
    logger,
  });
  await poll('all to be ours', async () => (await protectTree(us, '/c')) === 0);
  await kept.close();
  for (const stranger of [client(), client(older)]) {
    await expect(stranger.write('/c/sales/one', text('9'), 0)).rejects.toThrow(ZooKeeperRefusedError);
    await expect(stranger.remove('/c/sales/two')).rejects.toThrow(ZooKeeperRefusedError);
  }
  expect(await client(ours).write('/c/sales/two', text('3'), 0)).toBe(true);
});
