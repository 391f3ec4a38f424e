import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { settings } from '#contract/settings.ts';
import { readConfig } from '#runtime/config.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { closeServer, listen, stopListening } from '#runtime/listen.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { runService } from '#runtime/service.ts';
import { parseWebhookSecrets } from '#runtime/standard-webhooks.ts';
import { createSandboxApp } from './app.ts';
import { openLedger } from './ledger.ts';
import { createSandboxMetrics } from './metrics.ts';
import { startSandboxClock } from './send-webhooks.ts';

const readSettings = (environment: Record<string, string | undefined>) =>
  readConfig(
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

/** A payment provider to play with, never part of production: its own process, its own file, its own webhooks. */
await runService('payment-sandbox', readSettings, async ({ config, logger, own }) => {
  await mkdir(dirname(config.SECKILL_PAYMENT_SANDBOX_FILE), { recursive: true, mode: 0o700 });
  // Shoppers open its pages where their merchant has it; on this machine that is one address.
  const origin = `http://${config.SECKILL_LISTEN}`;
  const newPageId = () => randomBytes(24).toString('base64url');
  const registry = createRegistry();
  const metrics = createSandboxMetrics([registry]);
  const ledger = own('ledger', openLedger(config.SECKILL_PAYMENT_SANDBOX_FILE, { now: Date.now, newPageId, origin }));
  const inner = own('inner server', createServer(), stopListening); // answers until all that it shows is closed
  own(
    'clock',
    startSandboxClock({
      ...{ ledger, logger, metrics, now: Date.now },
      url: config.SECKILL_PAYMENT_WEBHOOK_URL,
      secrets: parseWebhookSecrets(config.SECKILL_PAYMENT_WEBHOOK_SECRET),
    }),
  );
  const app = createSandboxApp({ ledger, apiKey: config.SECKILL_PAYMENT_API_KEY, metrics });
  const server = own('server', createServer(getRequestListener(app.fetch)), (it) => {
    it.closeAllConnections(); // a request that hangs on purpose would hold the end up
    return closeServer(it);
  });
  await listen(server, config.SECKILL_LISTEN);
  await startInnerServer({ server: inner, address: config.SECKILL_INNER_LISTEN, registry, ready: {} });
});
