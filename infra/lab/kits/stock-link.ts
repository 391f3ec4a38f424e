import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { signTicket } from '#contract/ticket.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';
import { StockFault } from '#stock/fault.ts';
import { reserveInBatches } from '#stock/reserve-batch.ts';
import { reserveInGroups } from '#stock/reserve-groups.ts';
import { createGate } from '../../../seckill-service/purchase/gate.ts';
import { createPurchase } from '../../../seckill-service/purchase/purchase.ts';
import { poll } from '../poll.ts';
import { startTcpProxy } from '../servers/tcp-proxy.ts';

export const units = 10;
/** No pause of a busy machine is as long. */
export const longMs = 30_000;
/** The deadline of a command, and how long a question may still be carried out: a second in the service. */
export const shortMs = 200;

/**
 * Stock Redis at `address` behind a link that a test breaks, and the way of a purchase as the service has it. What the
 * service uses goes through the link; `books` and `probe` look past it. Each test begins with `begin`. `replicas`: how many must
 * have a yes.
 */
export async function startStockLink(address: string, { replicas = 0 }: { replicas?: number } = {}) {
  const url = new URL(address);
  const proxy = await startTcpProxy({ to: { host: url.hostname, port: Number(url.port) } });
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const throughLink = new URL(address);
  throughLink.host = `127.0.0.1:${proxy.port}`;
  const redis = connectRedis('hot', throughLink.href, logger);
  const stock = createStock(redis, { replicas });
  const probe = new Redis(url.href);
  const books = createStock(probe);
  // What it verifies has tests of its own.
  const gate = createGate({
    redis,
    stock: { clock: stock.clock, reserve: replicas === 0 ? reserveInBatches(stock) : reserveInGroups(stock) },
    verify: async () => undefined,
    logger,
    retryMs: 20,
    lifeMs: shortMs,
  });
  const ticketKeys = [{ id: 'k1', secret: 's'.repeat(32) }];
  const told: string[] = [];
  const deps = {
    stock: { reserve: gate.reserve, shown: stock.shown },
    ticketKeys: () => ticketKeys,
    now: Date.now,
    wait: async (ms: number) => void (await wait(ms)),
    onAccepted: () => told.push('accepted'),
    onSoldOut: () => told.push('sold out'),
    lifeMs: shortMs,
  };
  const purchase = createPurchase({ ...deps, decideWithinMs: 2 * shortMs });
  /** Where it counts what the answer is, not that there is one soon. */
  const patientPurchase = createPurchase({ ...deps, decideWithinMs: longMs });
  let saleId = '';

  /** The deadlines of the commands from here on: long ones for what is about something else. */
  const setDeadlines = (ms: number) => void Object.assign(redis.options, { commandTimeout: ms, socketTimeout: ms });
  /**
   * Until the hot connection works; its status alone may be that of a link whose end has not been seen yet. What is asked
   * after that is asked for the truth, not for how soon it comes.
   */
  const ready = async () => {
    await poll('the hot connection works', () =>
      redis.ping().then(
        () => gate.isOpen(),
        () => false,
      ),
    );
    setDeadlines(longMs);
  };
  /** How often Redis ran a script since the test began, no matter over which connection. */
  async function runs(): Promise<number> {
    const text = await probe.info('commandstats');
    return [...text.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
  }

  return {
    proxy,
    redis,
    stock,
    probe,
    books,
    told,
    ready,
    setDeadlines,
    runs,
    saleId: () => saleId,
    order: () => newOrderId(saleId, Date.now()),
    hasRun: (times: number) => poll(`Redis has run ${times} scripts`, async () => (await runs()) === times),
    isLost: (what: string) => poll(what, async () => redis.status !== 'ready'),
    reserve: (orderId: string, userId = 'u', by = stock) => by.reserve(saleId, { orderId, userId, quantity: 1 }),
    buy: (orderId: string, userId = 'u', how: 'hasty' | 'patient' = 'hasty') => {
      const ticket = signTicket({ orderId, userId, expiresAtMs: Date.now() + 60_000 }, ticketKeys);
      return (how === 'hasty' ? purchase : patientPurchase)(saleId, ticket, { quantity: 1 });
    },
    /** One byte is less than any Redis needs for itself; how much more than that an empty one has differs by version. */
    async fillMemory() {
      await probe.config('SET', 'maxmemory', '1');
      await expect(probe.set('one-more', 'x')).rejects.toThrow('OOM');
    },
    async taken() {
      const cut = await books.cut(saleId);
      const live = [...(cut?.reservations.values() ?? [])].filter((it) => it.state !== 'released');
      const outbox = await books.outboxLength(saleId);
      return { free: cut?.sale.free, held: live.reduce((sum, it) => sum + it.units, 0), outbox };
    },
    /** A link that works, a sale of its own, scripts that are loaded, and short deadlines. */
    async begin() {
      proxy.letGo();
      proxy.mode('pass');
      await ready();
      saleId = `faults-${crypto.randomUUID().slice(0, 8)}`;
      const plan = { total: units, opensAtMs: 0, closesAtMs: Date.now() + 600_000, limitPerUser: 1, lowestEpoch: 0 };
      await books.preload(saleId, plan);
      await books.setState(saleId, 'open');
      // Refused; the scripts are loaded from here on.
      await stock.reserve(saleId, { orderId: 'not-an-order', userId: 'nobody', quantity: 99 });
      await probe.config('RESETSTAT');
      told.length = 0;
      setDeadlines(shortMs);
    },
    async close() {
      disconnectRedis(redis, probe);
      await proxy.close();
    },
  };
}

/** The kind of fault that a call ends in, and after how many milliseconds. */
export async function faultOfCall(call: Promise<unknown>): Promise<{ kind: string; afterMs: number }> {
  const startedAt = performance.now();
  const kind = await call.then(
    (answer) => `answered ${JSON.stringify(answer)}`,
    (error: unknown) => (error instanceof StockFault ? error.kind : String(error)),
  );
  return { kind, afterMs: performance.now() - startedAt };
}

/**
 * Ends after `count` waits of 50 ms in a row. A machine that stands still costs each chain of timers one of its waits, so
 * what is done in fewer is done before this, however busy the machine is.
 */
export async function beats(count: number): Promise<'too late'> {
  for (let beat = 0; beat < count; beat += 1) await wait(50);
  return 'too late';
}
