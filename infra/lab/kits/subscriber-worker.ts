import { startSubscribers } from '#order-worker/subscribers/start-subscribers.ts';
import { createLogger } from '#runtime/logger.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { connectPostgres } from '#runtime/postgres/connect.ts';
import { connectRedis } from '#runtime/redis/connect.ts';

/** The part of a worker that serves subscribers as a process of its own, for tests that kill it. */
const [databaseUrl = '', redisUrl = ''] = process.argv.slice(2);
const logger = createLogger({ service: 'test', instance: 'child', level: 'silent' });
startSubscribers({
  pool: connectPostgres(databaseUrl, logger, { max: 3, mayLoseLast: true }),
  connection: connectRedis('queue', redisUrl, logger),
  seal: null,
  registry: createRegistry(),
  logger,
  now: Date.now,
  random: Math.random,
  sweepRestMs: 200,
});
process.stdout.write('started\n');
