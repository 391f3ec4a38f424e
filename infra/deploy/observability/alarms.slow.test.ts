import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import pg from 'pg';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { saleKeys } from '#contract/redis-keys.ts';
import { signSession } from '#http/authenticate.ts';
import { newSaleId, openSale, seckill, seckillJson } from '#lab/kits/command-line.ts';
import { sandboxControl } from '#lab/kits/payment-sandbox.ts';
import { poll } from '#lab/poll.ts';
import { type Prometheus, startPrometheus } from '#lab/servers/prometheus.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { call, getTicket, type HeldTicket, orderState, signIn } from '#loadtest/crowd/shopper.ts';
import { parseWebhookSecrets, signWebhook } from '#runtime/standard-webhooks.ts';
import { isPortFree } from '../../stack/host/ports.ts';
import { type Stack, stackStatus, startStack } from '../../stack/stack.ts';

/**
 * Alarms on a stack of their own: the trouble is made, a real Prometheus fires, what the runbook says is done, it ends.
 * The rules are those of alerts.yml, without their waits and with windows of 5 s; the audit looks once a second.
 */
let stack: Stack;
let dir: string;
let pool: Pool;
let redis: Redis;
let prometheus: Prometheus;
const saleId = newSaleId('alarms');
const run = promisify(execFile);

beforeAll(async () => {
  dir = temporaryDirectory('alarms');
  const settings = { SECKILL_AUDIT_EVERY_MS: '1000' };
  stack = await startStack({ dir, port: 'any', cdc: 'files', environment: process.env, settings });
  pool = new Pool(stack.edgeUrl, { connections: 8 });
  redis = new Redis(stack.environment.SECKILL_STOCK_REDIS_URL ?? '');
  redis.on('error', () => {}); // it is stopped here on purpose
  await openSale(stack.environment, { saleId, units: 1000 });
  const rules = await readFile(join(import.meta.dirname, 'alerts.yml'), 'utf8');
  prometheus = await startPrometheus({
    dir: join(dir, 'prometheus'),
    stackDir: dir,
    rules: rules.replace(/for: \w+/g, 'for: 0s').replace(/\[\d+m\]/g, '[5s]'),
  });
});
afterAll(async () => {
  await prometheus?.stop();
  redis?.disconnect();
  await pool?.close();
  await stack?.stop();
});

const slow = { timeout: 900_000 };
const longest = 200_000;
type Labels = Record<string, string>;
/** `label`: of the series that counts, where a busy machine may make others fire as well. */
type Cause = { meanwhile?: () => Promise<unknown>; label?: Labels };
const has = (labels: Labels, wanted: Labels) => Object.entries(wanted).every(([name, is]) => labels[name] === is);

/** Until the alarm fires, with the labels of all that do; `meanwhile` keeps its cause up, a time between two looks. */
const fires = (name: string, { meanwhile = async () => {}, label = {} }: Cause = {}) =>
  poll(
    `${name} to fire`,
    async () => {
      await meanwhile();
      const firing = await prometheus.firing(name);
      return firing.some((labels) => has(labels, label)) && firing;
    },
    longest,
  );
const ends = (name: string, { meanwhile = async () => {}, label = {} }: Cause = {}) =>
  poll(
    `${name} to end`,
    async () => {
      await meanwhile();
      return !(await prometheus.firing(name)).some((labels) => has(labels, label));
    },
    longest,
  );

async function pidOf(role: string): Promise<number> {
  const { processes } = await stackStatus(dir);
  const pid = processes.find((process) => process.role === role)?.pid;
  if (pid == null) throw new Error(`no ${role}`);
  return pid;
}
/** A process that hangs while `work` goes on. */
async function frozen<T>(role: string, work: () => Promise<T>): Promise<T> {
  const pid = await pidOf(role);
  process.kill(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}
async function ticket(of = saleId): Promise<HeldTicket> {
  const held = await getTicket(pool, of, await signIn(pool));
  if (!('ticket' in held)) throw new Error(`no ticket: ${JSON.stringify(held)}`);
  return held;
}
const press = (held: HeldTicket, of = saleId) =>
  call(pool, 'POST', `/api/sales/${of}/orders`, { ticket: held.ticket, body: { quantity: 1 } });
/** As the page does: again with the same ticket while it is told to wait. */
async function bought(of = saleId): Promise<HeldTicket> {
  const held = await ticket(of);
  await poll('a purchase to be accepted', async () => (await press(held, of)).status === 202);
  return held;
}
/** `seckill edge maintenance …`; again until the edge has followed within the 3 s that it waits. */
const maintenance = (to: 'on' | 'off') =>
  poll(`maintenance ${to}`, async () => (await seckill(stack.environment, 'edge', 'maintenance', to)).code === 0);

test('AnswersSlow: stock Redis rests for 0.4 s at a time; ends when it is fast again', slow, async () => {
  const [held, ...others] = [await bought(), await bought(), await bought(), await bought(), await bought()];
  await fires('SeckillAnswersSlow', {
    meanwhile: async () => {
      await redis.client('PAUSE', 400, 'ALL');
      await press(held);
    },
  });
  // So many that one answer that the machine kept waiting is less than one in a hundred.
  await ends('SeckillAnswersSlow', {
    meanwhile: async () => {
      for (const each of [held, ...others]) for (let times = 0; times < 2; times += 1) await press(each);
    },
  });
});

test(
  'PurchasesFail: stock Redis hangs; the edge in maintenance sheds, and passes nothing on that could fail',
  slow,
  async () => {
    const held = await bought();
    await frozen('stock-redis', async () => {
      expect(await fires('SeckillPurchasesFail', { meanwhile: () => press(held) })).toMatchObject([{ sale: saleId }]);
      const { code, stderr } = await seckill(stack.environment, 'sale', 'pause', saleId);
      expect([code, stderr]).toEqual([1, expect.stringContaining('edge maintenance on')]);
      await maintenance('on');
      await ends('SeckillPurchasesFail', { meanwhile: () => press(held) });
    });
    await maintenance('off');
    await poll('purchases to be decided again', async () => (await press(held)).status === 202);
  },
);

test('RelayLags: queue Redis hangs, an order was accepted; ends when it is back', slow, async () => {
  await frozen('queue-redis', async () => {
    await bought();
    expect(await fires('SeckillRelayLags')).toMatchObject([{ sale: saleId }]);
  });
  await ends('SeckillRelayLags');
});

// Their causes do not hide each other, and SubscriberFails takes half a minute: all at the same time.
describe.concurrent('without a server that hangs', () => {
  test('ProviderAway: every call to the provider is answered 503; ends when it works again', slow, async () => {
    const held = await bought();
    await poll('the order to be stored', async () => (await orderState(pool, held)) === 'awaiting_payment', 90_000);
    const { SECKILL_PAYMENT_URL: url = '', SECKILL_PAYMENT_API_KEY: key = '' } = stack.environment;
    const provider = sandboxControl(url, key);
    const pay = () => call(pool, 'POST', `/api/orders/${held.orderId}/payment`, { token: held.token, body: {} });
    await provider.behave({ unavailable: 1 });
    await fires('SeckillProviderAway', { meanwhile: pay });
    await provider.behave({});
    await ends('SeckillProviderAway', { meanwhile: pay });
  });

  test('WebhookUnused: the provider tells of a payment that was never begun; ends with its window', slow, async () => {
    const keys = parseWebhookSecrets(stack.environment.SECKILL_PAYMENT_WEBHOOK_SECRET ?? '');
    const data = {
      object: 'payment',
      id: 'p',
      reference: 'pay_of_nobody',
      order: 'o',
      state: 'succeeded',
      failure: null,
    };
    const body = JSON.stringify({
      type: 'payment.succeeded',
      timestamp: new Date().toISOString(),
      data: { ...data, amount: 1, currency: 'CNY' },
    });
    const meanwhile = async () => {
      const signed = signWebhook({ id: crypto.randomUUID(), body, nowMs: Date.now() }, keys);
      const headers = { ...signed, 'content-type': 'application/json' };
      const answer = await pool.request({ method: 'POST', path: '/api/payments/webhook', headers, body });
      await answer.body.dump();
    };
    expect(await fires('SeckillWebhookUnused', { meanwhile })).toMatchObject([{ outcome: 'not_ours' }]);
    await ends('SeckillWebhookUnused');
  });

  test('HandOverFaulty: the clock of the shop is an hour late; ends with its window', slow, async () => {
    const keys = parseWebhookSecrets(stack.environment.SECKILL_HAND_OVER_SECRET ?? '');
    const path = '/api/hand-over/orders/any-01h00000000000000000000000/paid';
    const meanwhile = async () => {
      const headers = signWebhook({ id: crypto.randomUUID(), body: '{}', nowMs: Date.now() - 3600_000 }, keys);
      await (await pool.request({ method: 'POST', path, headers, body: '{}' })).body.dump();
    };
    expect(await fires('SeckillHandOverFaulty', { meanwhile })).toMatchObject([{ outcome: 'timestamp' }]);
    await ends('SeckillHandOverFaulty');
  });

  test('DetailsOverdue: a row that is due is held by a transaction; ends when it is let go', slow, async () => {
    const database = new pg.Client({ connectionString: stack.environment.SECKILL_DATABASE_URL });
    await database.connect();
    try {
      await database.query(`INSERT INTO order_details (order_id, sale_id, user_id, key_id, sealed, erase_at)
                            VALUES ('due', 's', 'u', 'p1', '', now() + interval '1 hour')`);
      // The copy that the transaction holds is the one that is due.
      await database.query("UPDATE order_details SET erase_at = now() - interval '2 days' WHERE order_id = 'due'");
      await database.query('BEGIN');
      await database.query("SELECT FROM order_details WHERE order_id = 'due' FOR UPDATE");
      await fires('SeckillDetailsOverdue');
      await database.query('COMMIT');
      await ends('SeckillDetailsOverdue');
    } finally {
      await database.end();
    }
  });

  test(
    'UnitsGuard: stock Redis was given a unit too many; the dead letter is dropped, its unit is back',
    slow,
    async () => {
      const small = newSaleId('one');
      await openSale(stack.environment, { saleId: small, units: 1 });
      await redis.hset(saleKeys(small).sale, 'total', 2);
      await redis.set(saleKeys(small).stock, 2);
      const orders = [await bought(small), await bought(small)];
      await fires('SeckillUnitsGuard');
      const refused = await poll('the dead letter', async () => {
        const { code, stdout } = await seckill(stack.environment, 'dlq', 'list', '--queue', 'orders', '--json');
        const found = orders.filter(({ orderId }) => stdout.includes(orderId));
        return code === 0 && found.length > 0 && found;
      });
      expect(refused).toHaveLength(1);
      await seckillJson(stack.environment, 'dlq', 'drop', refused[0]?.orderId ?? '', '--yes');
      await poll('balanced books', async () => (await seckill(stack.environment, 'audit', small)).code === 0);
      await ends('SeckillUnitsGuard');
    },
  );

  test(
    'SubscriberFails: nobody listens and two tries are made of two orders; ends when it is paused',
    slow,
    async () => {
      let port = 32_800;
      while (!(await isPortFree(port))) port += 1;
      const add = ['subscriber', 'add', 'points', `http://127.0.0.1:${port}/`, '--allow-inner'];
      await seckillJson(stack.environment, ...add, '--retry', '2,50ms,100ms');
      await bought();
      await bought();
      expect(await fires('SeckillSubscriberFails')).toMatchObject([{ subscriber: 'points' }]);
      await seckillJson(stack.environment, 'subscriber', 'pause', 'points');
      await ends('SeckillSubscriberFails');
    },
  );

  test(
    'TokensPassedOn: a user of letters that nginx leaves to the gateway asks for challenges; ends with others',
    slow,
    async () => {
      const asks = (userId: string) => async () => {
        const token = signSession(userId, stack.environment.SECKILL_SESSION_SECRET ?? '', Date.now());
        const asked = Array.from({ length: 5 }, () => call(pool, 'GET', `/api/sales/${saleId}/challenge`, { token }));
        for (const { status } of await Promise.all(asked)) expect(status).toBe(200);
      };
      await fires('SeckillTokensPassedOn', { meanwhile: asks('Zoë') });
      await ends('SeckillTokensPassedOn', { meanwhile: asks('Zoe') });
    },
  );

  test('AuditSkips: a sale has more than 20,000 orders; ends when it is closed', slow, async () => {
    const large = newSaleId('large');
    await openSale(stack.environment, { saleId: large, units: 30_000 });
    const records = Array.from(
      { length: 20_001 },
      (_, index) => [`${large}-${index}`, `r:1:${index + 1}:1:u`] as const,
    );
    await redis.hset(saleKeys(large).reservations, new Map(records));
    await fires('SeckillAuditSkips');
    await seckillJson(stack.environment, 'sale', 'close', large, '--yes');
    await ends('SeckillAuditSkips');
  });
});

test('EventLoopLate: the gateway is held up again and again; ends when it is not', slow, async () => {
  const pid = String(await pidOf('gateway'));
  // What it is late by, not a wait of ours.
  const hold = () => run('sh', ['-c', 'for i in 1 2; do kill -STOP $0; sleep 0.4; kill -CONT $0; done', pid]);
  const label = { job: 'gateway' };
  await fires('SeckillEventLoopLate', { meanwhile: hold, label });
  await ends('SeckillEventLoopLate', { label });
});

test(
  'ServerAway, ZooKeeperServerAway, ZooKeeperNoQuorum and AuditFails: ZooKeeper hangs, so no process leads the audit; all end when it is back',
  slow,
  async () => {
    await frozen('zookeeper', async () => {
      await fires('SeckillServerAway', { label: { server: 'zookeeper' } });
      await poll('nothing else to be away', async () =>
        (await prometheus.firing('SeckillServerAway')).every(({ server }) => server === 'zookeeper'),
      );
      await fires('SeckillZooKeeperServerAway');
      await fires('SeckillZooKeeperNoQuorum');
      await fires('SeckillAuditFails');
    });
    await ends('SeckillServerAway');
    await ends('SeckillZooKeeperServerAway');
    await ends('SeckillZooKeeperNoQuorum');
    await ends('SeckillAuditFails');
  },
);
