import { expect, test } from 'vitest';
import { runDirectory } from '../host/run-directory.ts';
import { makePlan, nodeProcessNames, portNames } from '../plan/plan.ts';
import { nodeProcesses } from './node-processes.ts';

const counts = { services: 2, edges: 3 };
const secret = 'a secret of the tests, 32 or more letters';
const plan = makePlan({
  ...counts,
  dir: runDirectory('/tmp/seckill-node-processes'),
  secrets: {
    ...{ sessionSecret: secret, challengeSecret: secret, databasePassword: secret, consoleToken: secret },
    ...{ paymentApiKey: secret, paymentWebhookSecret: secret, zookeeperAuth: `seckill:${secret}` },
    redisPasswords: { 'stock-redis': secret, 'queue-redis': secret },
  },
  edgePort: 8080,
  ports: Object.fromEntries(portNames(counts).map((name, at) => [name, 20_000 + at])),
  environment: { ...process.env, SECKILL_LOG_LEVEL: 'trace' },
  settings: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', SECKILL_LISTEN: 'unix:/not-this' },
});
const processes = nodeProcesses(plan, () => plan);

test('what a stack is told to set reaches each of our processes, and never changes where one listens', () => {
  expect(processes.map(({ name }) => name)).toEqual(expect.arrayContaining(nodeProcessNames(counts)));
  for (const { environment } of processes) {
    expect(environment.OTEL_EXPORTER_OTLP_ENDPOINT).toBe('http://127.0.0.1:4318');
    expect(environment.SECKILL_LISTEN).not.toBe('unix:/not-this');
    expect(environment.SECKILL_LOG_LEVEL).not.toBe('trace'); // the caller's own settings are for other processes
  }
});
