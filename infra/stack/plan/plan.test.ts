import { expect, test } from 'vitest';
import { redisPlaceOf } from '#runtime/redis/place.ts';
import { runDirectory } from '../host/run-directory.ts';
import { processTable } from '../servers/processes.ts';
import { clientEnvironment, makePlan, portNames, type Settings, type StackPlan } from './plan.ts';

const secret = 'a-secret-of-the-tests';
const counts = { services: 16, edges: 4 };

function planOf(ha: boolean, settings: Settings = {}): StackPlan {
  return makePlan({
    ...counts,
    ha,
    dir: runDirectory('/tmp/seckill-plan'),
    secrets: {
      ...{ sessionSecret: secret, challengeSecret: secret, databasePassword: secret, consoleToken: secret },
      ...{ handOverKey: secret, handOverSecret: secret, cdcPassword: secret },
      ...{
        paymentApiKey: secret,
        paymentWebhookSecret: secret,
        zookeeperAuth: `seckill:${secret}`,
        personalKeys: secret,
      },
      redisPasswords: { 'stock-redis': 'of-stock', 'queue-redis': 'of-queue' },
      ...{ sentinelPassword: ha ? 'of-sentinels' : null, standbyPassword: ha ? 'of-the-standby' : null },
    },
    edgePort: 8080,
    ports: Object.fromEntries(portNames({ ...counts, ha }).map((name, at) => [name, 20_000 + at])),
    environment: process.env,
    settings,
  });
}

const serversOf = (plan: StackPlan) =>
  processTable(plan).flatMap(({ name, role, innerUrl }) => (innerUrl === undefined && role !== 'edge' ? [name] : []));

const names = (role: string) => [1, 2, 3].map((n) => `${role}-${n}`);

test('without --ha there is one server of each kind, called by its role, and no replica is waited for', () => {
  const plan = planOf(false);
  expect(serversOf(plan)).toEqual(['stock-redis', 'queue-redis', 'zookeeper', 'postgres']);
  const environment = clientEnvironment(plan);
  expect(environment).toMatchObject({
    SECKILL_STOCK_REDIS_URL: `redis://:of-stock@127.0.0.1:${plan.port('stock-redis')}`,
    SECKILL_QUEUE_REDIS_URL: `redis://:of-queue@127.0.0.1:${plan.port('queue-redis')}`,
    SECKILL_ZOOKEEPER: `127.0.0.1:${plan.port('zookeeper')}`,
  });
  expect(environment).not.toHaveProperty('SECKILL_STOCK_REPLICAS');
});

test('with --ha three ZooKeeper are one ensemble, and every client is told of all of them', () => {
  const plan = planOf(true);
  expect(serversOf(plan).filter((name) => name.startsWith('zookeeper'))).toEqual(names('zookeeper'));
  const places = names('zookeeper').map((name) => `127.0.0.1:${plan.port(name)}`);
  expect(clientEnvironment(plan).SECKILL_ZOOKEEPER).toBe(places.join(','));
  const own = names('zookeeper')
    .flatMap((name) => [`${name}-quorum`, `${name}-election`])
    .map(plan.port);
  expect(new Set([...own, ...names('zookeeper').map(plan.port)]).size).toBe(9);
});

test('with --ha three sentinels name the primaries of stock and queue Redis, and one replica must have a yes', () => {
  const plan = planOf(true);
  expect(serversOf(plan)).toEqual(expect.arrayContaining(['stock-redis-3', 'queue-redis-2', 'sentinel-3']));
  const environment = clientEnvironment(plan);
  expect(environment.SECKILL_STOCK_REPLICAS).toBe('1');
  const sentinels = [1, 2, 3].map((n) => ({ host: '127.0.0.1', port: plan.port(`sentinel-${n}`) }));
  expect(redisPlaceOf(environment.SECKILL_STOCK_REDIS_URL ?? '')).toMatchObject({
    ...{ kind: 'sentinel', name: 'stock', sentinels },
    ...{ password: 'of-stock', sentinelPassword: 'of-sentinels' },
  });
  expect(redisPlaceOf(environment.SECKILL_QUEUE_REDIS_URL ?? '')).toMatchObject({
    ...{ kind: 'sentinel', name: 'queue', sentinels, password: 'of-queue' },
  });
});

test.for([false, true])('every process of the largest stack has a port of its own (--ha: %s)', (ha) => {
  const plan = planOf(ha);
  const ports = processTable(plan).flatMap(({ portName }) => (portName === null ? [] : [plan.port(portName)]));
  expect(new Set(ports).size).toBe(ports.length);
  // A block of ports has 40, two with --ha, and the first of each is its guard's.
  expect(portNames({ ...counts, ha }).length).toBeLessThan(ha ? 78 : 39);
});

test('our processes are told of stock Redis, and how many replicas it has, as the command line is', () => {
  const plan = planOf(true);
  const told = clientEnvironment(plan);
  for (const { name, environment } of processTable(plan)) {
    if (!/^(service|gateway|worker)-/.test(name)) continue;
    for (const setting of ['SECKILL_STOCK_REDIS_URL', 'SECKILL_STOCK_REPLICAS', 'SECKILL_DATABASE_URL'] as const)
      expect([name, environment[setting]]).toEqual([name, told[setting]]);
  }
});

test('who publishes the pages is told of the shop’s sign-in and folder that the stack was started with', () => {
  const given = {
    SECKILL_BRAND_DIR: '/srv/brand',
    SECKILL_SIGN_IN_URL: 'https://login.example/?to={returnTo}',
    SECKILL_SIGN_IN_COOKIE: 'shop-session',
  };
  expect(clientEnvironment(planOf(false, given))).toMatchObject(given);
  expect(Object.keys(clientEnvironment(planOf(false))).filter((name) => name in given)).toEqual([]);
});
