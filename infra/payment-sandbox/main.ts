import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { settings } from '#contract/settings.ts';
import { readConfig } from '#runtime/config.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { closeServer, listen } from '#runtime/listen.ts';
import { createLogger } from '#runtime/logger.ts';
import { runMain } from '#runtime/main.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { closeOnSignal } from '#runtime/shutdown.ts';
import { parseWebhookSecrets } from '#runtime/standard-webhooks.ts';
import { createSandboxApp } from './app.ts';
import { openLedger } from './ledger.ts';
import { createSandboxMetrics } from './metrics.ts';
import { startSandboxClock } from './send-webhooks.ts';

/** A payment provider to play with, never part of production: its own process, its own file, its own webhooks. */
await runMain('payment-sandbox', async (environment) => {
  const config = readConfig(
    settings,
    [
      'SECKILL_INSTANCE',
      'SECKILL_LISTEN',
      'SECKILL_INNER_LISTEN',
      'SECKILL_PAYMENT_API_KEY',
      'SECKILL_PAYMENT_WEBHOOK_SECRET',
      'SECKILL_PAYMENT_WEBHOOK_URL',
      'SECKILL_PAYMENT_SANDBOX_FILE',
      'SECKILL_LOG_LEVEL',
    ],
    environment,
  );
  const logger = createLogger({
    service: 'payment-sandbox',
    instance: config.SECKILL_INSTANCE,
    level: config.SECKILL_LOG_LEVEL,
  });
  await mkdir(dirname(config.SECKILL_PAYMENT_SANDBOX_FILE), { recursive: true });
  const registry = createRegistry();
  const metrics = createSandboxMetrics([registry]);
  const ledger = openLedger(config.SECKILL_PAYMENT_SANDBOX_FILE, Date.now);
  const clock = startSandboxClock({
    ledger,
    url: config.SECKILL_PAYMENT_WEBHOOK_URL,
    secrets: parseWebhookSecrets(config.SECKILL_PAYMENT_WEBHOOK_SECRET),
    logger,
    now: Date.now,
    metrics,
  });
  const app = createSandboxApp({ ledger, apiKey: config.SECKILL_PAYMENT_API_KEY, metrics });
  const server = createServer(getRequestListener(app.fetch));
  await listen(server, config.SECKILL_LISTEN);
  const inner = await startInnerServer({
    address: config.SECKILL_INNER_LISTEN,
    registry,
    ready: {},
  });
  logger.info({ listen: config.SECKILL_LISTEN }, 'ready');

  closeOnSignal(
    [
      {
        name: 'server',
        close: () => {
          server.closeAllConnections(); // a request that hangs on purpose would hold the end up
          return closeServer(server);
        },
      },
      { name: 'clock', close: clock.close },
      { name: 'inner server', close: () => inner.close() },
      { name: 'ledger', close: ledger.close },
    ],
    logger,
  );
});
