import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ProtocolPayment } from '#contract/payment-protocol.ts';
import type { Behaviour } from '#infra/payment-sandbox/behaviour.ts';
import { type SandboxBooks, sandboxRoutes } from '#infra/payment-sandbox/sandbox-routes.ts';
import { createHttpProvider } from '#order-worker/money/provider/http/http-provider.ts';
import { parseWebhookSecrets } from '#runtime/standard-webhooks.ts';
import { spawnTied } from '../servers/tied-process.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

export type Webhook = { headers: Headers; body: string };
/** What an order says of the behaviour: some of its fields; the others stay at good behaviour. */
export type Behaving = Partial<Omit<Behaviour, 'rules'>> & { rules?: unknown[] };

/** Tells a sandbox provider how to behave, and looks into its books. */
export function sandboxControl(url: string, apiKey: string) {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T; // both sides are ours
  }
  return {
    behave: (behaviour: Behaving) => ask<Behaviour>('PUT', sandboxRoutes.behaviour, behaviour),
    books: (orders = '') => ask<SandboxBooks>('GET', `${sandboxRoutes.books}?orders=${encodeURIComponent(orders)}`),
    settle: (paymentId: string, state: 'succeeded' | 'failed') =>
      ask<ProtocolPayment>('POST', sandboxRoutes.settle.replace(':reference', encodeURIComponent(paymentId)), {
        state,
      }),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server's
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * The sandbox provider as its own process, as in the stack, with a merchant's ear for its webhooks. `onWebhook` answers
 * them with a status; they are kept in any case.
 */
export async function startSandbox(options: { onWebhook?: (webhook: Webhook) => Promise<number> } = {}) {
  const dir = temporaryDirectory('sandbox');
  const apiKey = 'sandbox-api-key-of-a-test';
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  let heard: Webhook[] = [];
  const ear = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const webhook = { headers, body: Buffer.concat(chunks).toString() };
    heard.push(webhook);
    response.statusCode = (await options.onWebhook?.(webhook)) ?? 204;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(ear, 'listening');
  const { port: earPort } = ear.address() as AddressInfo; // a TCP server's
  const [port, innerPort] = await Promise.all([freePort(), freePort()]); // both open at once: they differ
  const url = `http://127.0.0.1:${port}`;
  const environment = {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, // three starts of one program in a test
    SECKILL_INSTANCE: 'sandbox-under-test',
    SECKILL_LISTEN: `127.0.0.1:${port}`,
    SECKILL_INNER_LISTEN: `127.0.0.1:${innerPort}`,
    SECKILL_PAYMENT_API_KEY: apiKey,
    SECKILL_PAYMENT_WEBHOOK_SECRET: secret,
    SECKILL_PAYMENT_WEBHOOK_URL: `http://127.0.0.1:${earPort}/webhook`,
    SECKILL_PAYMENT_SANDBOX_FILE: join(dir, 'ledger.sqlite'),
    SECKILL_LOG_LEVEL: 'error',
  };
  const main = join(import.meta.dirname, '../../payment-sandbox/main.ts');

  async function launch() {
    const server = spawnTied(process.execPath, [main], { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
    const deadline = Date.now() + 45_000;
    for (;;) {
      const isUp = await fetch(`http://127.0.0.1:${innerPort}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isUp) return server;
      if (Date.now() > deadline || server.child.exitCode !== null) throw new Error('the sandbox did not start');
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  let server = await launch();
  const provider = createHttpProvider({ url, apiKey, secrets: parseWebhookSecrets(secret) });
  return {
    url,
    apiKey,
    secret,
    provider,
    ...sandboxControl(url, apiKey),
    webhooks: () => {
      const taken = heard;
      heard = [];
      return taken;
    },
    kill: () => server.end('SIGKILL'),
    restart: async () => {
      server = await launch();
    },
    close: async () => {
      await provider.close();
      await server.end();
      await new Promise((resolve) => ear.close(resolve));
      await rm(dir, { recursive: true, force: true });
    },
  };
}
