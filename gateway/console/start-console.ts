import { Hono } from 'hono';
import type { SaleNode } from '#contract/sale.ts';
import { withDeadline } from '#runtime/deadline.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import { connectRedis, disconnectRedis, type Redis } from '#runtime/redis/connect.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { InnerAssets } from '../inner/inner-assets.ts';
import { createAskWorker } from './ask-worker.ts';
import { createConsoleApp } from './console-app.ts';
import type { ConsoleConfig } from './console-config.ts';
import { createDoor } from './door.ts';
import { startEndedSessions } from './ended-sessions.ts';
import { createHistory, type History } from './history.ts';
import { createHistoryStore, type HistoryStore } from './history-store.ts';
import { createQueuePages } from './queues.ts';
import type { InnerUrls } from './read-processes.ts';
import { startSampler } from './sampler.ts';
import { createViewers } from './viewers.ts';
import { watchCdc } from './watch-cdc.ts';
import { watchEdges } from './watch-edges.ts';

const recallWithinMs = 5000;

/** The console: one look a second at everything, and the pages that show it. */
export function startConsole(deps: {
  config: ConsoleConfig;
  assets: () => Promise<InnerAssets>;
  /** Kind `hot`, stock Redis. */
  redis: Redis;
  pool: Pool;
  zookeeper: ZooKeeper;
  sales: () => SaleNode[];
  logger: Logger;
}): { app: Hono; close: () => Promise<void> } {
  const { config, assets, redis, pool, zookeeper, sales, logger } = deps;
  const { token } = config;
  const urls: InnerUrls = {
    edges: config.SECKILL_EDGE_INNER_URL,
    services: config.SECKILL_SERVICE_INNER_URL,
    workers: config.SECKILL_WORKER_INNER_URL,
  };
  const history = createHistory();
  const viewers = createViewers();
  const edges = watchEdges({ zookeeper, logger });
  const cdc = watchCdc({ zookeeper, logger });
  const queueRedis = connectRedis('patient', config.SECKILL_QUEUE_REDIS_URL, logger);
  const store = createHistoryStore({ redis: queueRedis, logger });
  const sampler = startAfter(recall(store, history, logger), () =>
    startSampler({
      ...{ urls, token, redis, sales, history, viewers, logger },
      keep: store.keep,
      edges: edges.all,
      cdc: cdc.all,
      now: Date.now,
    }),
  );
  const writable = config.SECKILL_CONSOLE_QUEUES_WRITABLE;
  const queues = createQueuePages({ redis: queueRedis, pool, writable, logger });
  const ended = startEndedSessions({ zookeeper, logger, now: Date.now });
  const door = createDoor({
    ...{ token, ended, logger, now: Date.now },
    monotonic: () => performance.now(),
    newId: () => crypto.randomUUID(),
  });
  const askWorker = createAskWorker({ urls: urls.workers, token });
  const app = new Hono();
  app.route('/', createConsoleApp({ door, assets, history, viewers, askWorker, logger }));
  app.route('/', queues.app);
  return {
    app,
    close: async () => {
      sampler.close();
      edges.close();
      cdc.close();
      viewers.close();
      await Promise.all([queues.close(), ended.close()]);
      disconnectRedis(queueRedis);
    },
  };
}

/** What was before this process, when it can be had soon: a console without its past is better than none. */
async function recall(store: HistoryStore, history: History, logger: Logger): Promise<void> {
  try {
    const seconds = await withDeadline(store.load(), recallWithinMs, 'the last hour');
    for (const second of seconds) {
      for (const [saleId, moment] of Object.entries(second)) history.add(saleId, moment);
    }
  } catch (error) {
    logger.warn({ err: error }, 'the console begins without the last hour');
  }
}

function startAfter(first: Promise<void>, start: () => { close: () => void }): { close: () => void } {
  let started: { close: () => void } | null = null;
  let isClosed = false;
  void first.then(() => {
    if (!isClosed) started = start();
  });
  return {
    close: () => {
      isClosed = true;
      started?.close();
    },
  };
}
