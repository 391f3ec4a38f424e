import { expect, test } from 'vitest';
import { runDirectory } from '../host/run-directory.ts';
import { makePlan, nodeProcessNames, portNames, type Settings } from '../plan/plan.ts';
import { nodeProcesses } from './node-processes.ts';

const counts = { services: 2, edges: 3 };
const secret = 'a secret of the tests, 32 or more letters';
const planWith = (settings: Settings) =>
  makePlan({
    ...counts,
    dir: runDirectory('/tmp/seckill-node-processes'),
    secrets: {
      ...{
        sessionSecret: secret,
        challengeSecret: secret,
        databasePassword: secret,
        cdcPassword: secret,
        consoleToken: secret,
      },
      ...{ handOverKey: secret, handOverSecret: secret, cdcPassword: secret },
      ...{
        paymentApiKey: secret,
        paymentWebhookSecret: secret,
        zookeeperAuth: `seckill:${secret}`,
        personalKeys: secret,
      },
      ...{ sentinelPassword: null, standbyPassword: null },
      redisPasswords: { 'stock-redis': secret, 'queue-redis': secret },
    },
    edgePort: 8080,
    ports: Object.fromEntries(portNames(counts).map((name, at) => [name, 20_000 + at])),
    environment: { ...process.env, SECKILL_LOG_LEVEL: 'trace' },
    settings,
  });
const processesWith = (settings: Settings) => {
  const plan = planWith(settings);
  return nodeProcesses(plan, () => plan);
};
const processes = processesWith({
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
  SECKILL_LISTEN: 'unix:/not-this',
});

test('what a stack is told to set reaches each of our processes, and never changes where one listens', () => {
  expect(processes.map(({ name }) => name)).toEqual(expect.arrayContaining(nodeProcessNames(counts)));
  for (const { environment } of processes) {
    expect(environment.OTEL_EXPORTER_OTLP_ENDPOINT).toBe('http://127.0.0.1:4318');
    expect(environment.SECKILL_LISTEN).not.toBe('unix:/not-this');
    expect(environment.SECKILL_LOG_LEVEL).not.toBe('trace'); // only what was judged before it is a setting of the plan
  }
});

test('the demo sign-in is on where nothing else is asked for, and off beside the shop’s own', () => {
  const shop = { SECKILL_SIGN_IN_JWKS_URL: 'https://login.example/jwks.json' };
  const signInOf = (settings: Settings) =>
    processesWith(settings).flatMap(({ role, environment }) =>
      role === 'gateway' ? [environment.SECKILL_DEMO_SIGN_IN] : [],
    );
  expect(signInOf({})).toEqual(['on', 'on', 'on']);
  expect(signInOf(shop)).toEqual(['off', 'off', 'off']);
  expect(signInOf({ SECKILL_SIGN_IN_URL: 'https://login.example/?to={returnTo}' })).toEqual(['off', 'off', 'off']);
  expect(signInOf({ ...shop, SECKILL_DEMO_SIGN_IN: 'on' })).toEqual(['on', 'on', 'on']);
  expect(signInOf({ SECKILL_DEMO_SIGN_IN: 'off' })).toEqual(['off', 'off', 'off']);
});

test('a setting that is given is in every process, and no process has a word of its own about it', () => {
  const given = { SECKILL_LOG_LEVEL: 'debug', SECKILL_PAYMENT_PROVIDER: 'http', SECKILL_AUDIT_EVERY_MS: '1000' };
  for (const { environment } of processesWith(given)) expect(environment).toMatchObject(given);
});

test('with another payment provider than the sandbox, its settings reach order-worker, and its keys no other process', () => {
  const given = {
    ...{
      SECKILL_PAYMENT_PROVIDER: 'stripe',
      SECKILL_STRIPE_SECRET_KEY: 'sk_test_1',
      SECKILL_PUBLIC_URL: 'https://a.example',
    },
    SECKILL_STRIPE_WEBHOOK_SECRET_FILE: '/run/secrets/stripe',
  };
  const all = processesWith(given);
  for (const { role, environment } of all) {
    if (role === 'order-worker') expect(environment).toMatchObject(given);
    else expect(Object.keys(environment).filter((name) => name.startsWith('SECKILL_STRIPE'))).toEqual([]);
  }
  const worker = all.find(({ role }) => role === 'order-worker');
  expect(Object.keys(worker?.environment ?? {}).filter((name) => /^SECKILL_PAYMENT_(?!PROVIDER)/.test(name))).toEqual(
    [],
  );
});
