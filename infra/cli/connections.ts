import { Queue } from 'bullmq';
import type { Command } from 'commander';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { type SettingName, settings } from '#contract/settings.ts';
import { failedOrderIds } from '#order-worker/drain/dead-letters.ts';
import { createOrderStore } from '#order-worker/orders/order-store.ts';
import { readConfig } from '#runtime/config.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectPostgres } from '#runtime/postgres.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis.ts';
import { connectZooKeeper } from '#runtime/zookeeper.ts';
import { createCatalogue } from '#sales/catalogue.ts';
import { createStock } from '#stock/stock.ts';
import { stackEnvironment } from '../stack/running-stack.ts';
import { CliError } from './cli-error.ts';
import { createOutput, type Output } from './output.ts';

/**
 * What a command works with. The CLI connects to Redis, ZooKeeper, the queue and PostgreSQL itself, so it works while a
 * service is down. Addresses come from `SECKILL_*` variables, or from the stack on this machine.
 */
export type Connections = Awaited<ReturnType<typeof openConnections>>;

const needed = [
  'SECKILL_STOCK_REDIS_URL',
  'SECKILL_QUEUE_REDIS_URL',
  'SECKILL_ZOOKEEPER',
  'SECKILL_DATABASE_URL',
] as const satisfies SettingName[];

export async function openConnections(environment: Record<string, string | undefined>) {
  const config = readConfig(settings, needed, environment);
  const logger = createLogger({ service: 'cli', instance: 'cli', level: 'silent' });
  const stockRedis = connectRedis('patient', config.SECKILL_STOCK_REDIS_URL, logger);
  const queueRedis = connectRedis('patient', config.SECKILL_QUEUE_REDIS_URL, logger);
  const zookeeper = connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, logger });
  const pool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 4, statementTimeoutMs: 60_000 });
  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix, skipVersionCheck: true });
  queue.on('error', () => {}); // each command's own call rejects with it
  return {
    stock: createStock(stockRedis),
    catalogue: createCatalogue(pool),
    store: createOrderStore(pool),
    zookeeper,
    queue,
    deadLetters: () => failedOrderIds(queue),
    close: async () => {
      zookeeper.close();
      disconnectRedis(stockRedis, queueRedis);
      await pool.end();
    },
  };
}

/** The environment of a command: the local stack's addresses, overridden by what the caller set. */
export async function commandEnvironment(dir: string | undefined): Promise<Record<string, string | undefined>> {
  const given = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('SECKILL_')));
  // A misspelled variable is refused before anything else: it may be the reason why no stack is found.
  readConfig(settings, [], given);
  const runDir = dir ?? given.SECKILL_RUN_DIR;
  const fromStack = await stackEnvironment(runDir);
  if (fromStack === null && needed.some((name) => given[name] === undefined)) {
    const where = runDir === undefined ? '' : ` in ${runDir}`;
    throw new CliError(`no stack is running${where}: start one with "seckill up", or set ${needed.join(', ')}`, 78);
  }
  return { ...fromStack, ...given };
}

/** Reads the settings that a command needs beyond its connections. */
export function commandConfig<N extends SettingName>(
  names: readonly N[],
  environment: Record<string, string | undefined>,
) {
  return readConfig(settings, names, environment);
}

export type CommandContext = Connections & { environment: Record<string, string | undefined>; output: Output };

/** Runs a command's action with its connections open, and closes them whatever happens. */
export async function withConnections(
  command: Command,
  action: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const { json = false, dir } = command.opts<{ json?: boolean; dir?: string }>();
  const environment = await commandEnvironment(dir);
  const connections = await openConnections(environment);
  try {
    await action({ ...connections, environment, output: createOutput(json) });
  } finally {
    await connections.close();
  }
}
