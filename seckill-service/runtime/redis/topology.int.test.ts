import { afterAll, expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { startRedis } from '#lab/servers/redis.ts';
import { type Machine, startStockTrio } from '#lab/servers/stock-trio.ts';
import { readRedisTopology } from './topology.ts';

const trio = await startStockTrio();
afterAll(() => trio.stop());
const [first, second, third] = trio.machines;
const redisAt = ({ redis }: Machine) => `127.0.0.1:${redis.port}`;
const sentinelAt = ({ sentinel }: Machine) => `127.0.0.1:${sentinel.port}`;

test('three that are well: who is primary, who follows how far behind, what each sentinel sees', async () => {
  await first.redis.client.set('x', 'y').then(() => first.redis.client.wait(2, 5000));
  const topology = await readRedisTopology(trio.url);
  const server = { appendonly: true, appendfsync: 'always', runId: expect.stringMatching(/^\w{40}$/), trouble: null };
  const offset = { replicationOffset: expect.any(Number) };
  const following = { ...server, ...offset, role: 'slave', online: true };
  const lag = { lagBytes: expect.any(Number), lagSeconds: expect.any(Number) };
  const sees = { answers: true, sees: redisAt(first), epoch: 0, quorum: 2, others: 2, trouble: null };
  expect(topology).toEqual({
    kind: 'sentinel',
    name: 'stock',
    primary: { ...server, ...offset, address: redisAt(first), role: 'master' },
    replicas: [redisAt(second), redisAt(third)].sort().map((address) => ({ ...following, ...lag, address })),
    sentinels: trio.machines.map((machine) => ({ ...sees, address: sentinelAt(machine) })),
    problems: [],
  });
});

test('a replica that is gone, one that stands still and a sentinel that is gone are told as such, within seconds', async () => {
  second.redis.pause();
  onTestFinished(second.redis.resume);
  await Promise.all([third.redis.kill(), first.sentinel.kill()]);
  onTestFinished(() => Promise.all([third.redis.start(), first.sentinel.start()]).then(() => undefined));
  await poll('the primary has noticed', async () => {
    const { problems } = await readRedisTopology(trio.url);
    expect(problems).toEqual([
      { kind: 'sentinel-silent', address: sentinelAt(first) },
      ...[redisAt(second), redisAt(third)]
        .sort()
        .flatMap((address) => [
          { kind: 'replica-silent', address },
          ...(address === redisAt(third) ? [{ kind: 'replica-offline', address }] : []),
        ]),
    ]);
    return true;
  });
});

test('a name that no sentinel knows, and a primary that is none', async () => {
  const unknown = await readRedisTopology(trio.url.replace('/stock', '/shop'));
  expect(unknown.primary).toBeNull();
  expect(unknown.problems).toEqual([
    ...trio.machines.map((machine) => ({ kind: 'name-unknown', address: sentinelAt(machine) })),
    { kind: 'no-primary' },
  ]);
  const { primary, problems } = await readRedisTopology(`redis://${redisAt(second)}`);
  expect(primary?.role).toBe('slave');
  expect(problems).toEqual([{ kind: 'primary-is-replica', address: redisAt(second) }]);
});

test('a single server, with a password, and nothing where it should be', async () => {
  const server = await startRedis({ user: 'shop', password: 'of the shop: /@' });
  onTestFinished(() => server.stop());
  expect(await readRedisTopology(server.url)).toMatchObject({
    ...{ kind: 'single', name: null, replicas: [], sentinels: [], problems: [] },
    primary: { role: 'master', appendonly: false, appendfsync: 'everysec' },
  });
  const wrong = await readRedisTopology(server.url.replace('of%20', 'off%20'));
  expect(wrong.primary?.trouble).toMatch(/WRONGPASS/);
  expect(wrong.problems).toEqual([{ kind: 'primary-silent', address: wrong.primary?.address }]);
});
