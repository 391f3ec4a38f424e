import { afterEach, expect, test } from 'vitest';
import { consoleSessionsSchema, maxEndedSessions } from '#contract/ops.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { ownZooKeeperTree } from '#lab/servers/zookeeper.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { startEndedSessions } from './ended-sessions.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const patient = { timeout: 30_000 };
const later = Math.floor(Date.now() / 1000) + 3600;

function consoleOn(connection: string) {
  const zookeeper = connectZooKeeper({ connection, logger, sessionTimeoutMs: 10_000, callTimeoutMs: 20_000 });
  closers.push(zookeeper.close);
  const ended = startEndedSessions({ zookeeper, logger, now: Date.now });
  closers.push(ended.close);
  return { zookeeper, ...ended };
}

test('a session that was ended at one console is ended at all, and at one that starts later', async () => {
  const tree = await ownZooKeeperTree();
  const [one, two] = [consoleOn(tree), consoleOn(tree)];
  await expect.poll(() => one.isKnown() && two.isKnown(), patient).toBe(true);
  const [mine, other] = [
    { id: 'mine', until: later },
    { id: 'other', until: later },
  ];
  one.end(mine);
  expect([one.has(mine), one.has(other)]).toEqual([true, false]);
  await expect.poll(() => two.has(mine), patient).toBe(true);
  two.end(other);
  const three = consoleOn(tree);
  await expect.poll(() => three.has(mine) && three.has(other), patient).toBe(true);
});

test('what would have ended by itself is forgotten, there is a most, and what cannot be read is overwritten', async () => {
  const { zookeeper, isKnown, end, has } = consoleOn(await ownZooKeeperTree());
  const read = async () => {
    const node = await zookeeper.read(zookeeperPaths.console);
    return Object.keys(consoleSessionsSchema.parse(JSON.parse(node?.data.toString() ?? '{}')).ended);
  };
  await zookeeper.create(zookeeperPaths.console, Buffer.from('no json'));
  await expect.poll(isKnown, patient).toBe(true);
  end({ id: 'over', until: 1 });
  for (let nth = 0; nth < maxEndedSessions + 20; nth += 1) end({ id: `session-${nth}`, until: later + nth });
  await expect.poll(() => read().catch(() => []), patient).toHaveLength(maxEndedSessions);
  const kept = await read();
  expect(kept).not.toContain('over');
  expect(kept).toContain(`session-${maxEndedSessions + 19}`); // the last to end by itself
  expect(has({ id: `session-${maxEndedSessions}`, until: later })).toBe(true);
});
