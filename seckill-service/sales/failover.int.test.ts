import { pino } from 'pino';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import type { ChunkData } from '#contract/order-chunk.ts';
import { signTicket } from '#contract/ticket.ts';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { poll } from '#lab/poll.ts';
import type { TestRedis } from '#lab/servers/redis.ts';
import { startReplicatedRedis } from '#lab/servers/replicated-redis.ts';
import { startTcpProxy } from '#lab/servers/tcp-proxy.ts';
import { applyRebuild, planRebuild } from '#order-worker/audit/rebuild.ts';
import { createOrderStore } from '#order-worker/orders/order-store.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { createStock } from '#stock/create-stock.ts';
import { reserveInGroups } from '#stock/reserve-groups.ts';
import { createGate } from '../purchase/gate.ts';
import { createPurchase, type PurchaseOutcome } from '../purchase/purchase.ts';
import { startRelay } from '../relay/relay.ts';
import { createCatalogue } from './catalogue.ts';
import { publishState, readSaleNode } from './publish-state.ts';
import { createRollbackGuard } from './rollback-guard.ts';
import { changeSaleState, preloadSale } from './sale-state.ts';

// What the guard makes of a failover. A real primary and real replicas, without sentinels: the test promotes.
const database = await startOrdersDatabase(['postgres', 'zookeeper']);
const { pool } = database;
const zookeeper = connectZooKeeper({
  ...{ connection: database.environment.SECKILL_ZOOKEEPER ?? '', logger: database.logger },
  ...{ sessionTimeoutMs: 10_000, callTimeoutMs: 20_000 },
});
const [catalogue, store] = [createCatalogue(pool), createOrderStore(pool)];
afterAll(async () => {
  zookeeper.close();
  await database.close();
});

const units = 3;
/** No pause of a busy machine is as long. */
const longMs = 30_000;
const ticketKeys = [{ id: 'k1', secret: 's'.repeat(32) }];
const portOf = (server: TestRedis) => Number(new URL(server.url).port);

/** A primary, two replicas and an open sale on them, one order of which was acknowledged, and services that sell it. */
async function startSale(replicas: 0 | 1) {
  const servers = await startReplicatedRedis(2);
  const [next, other] = servers.replicas;
  if (next === undefined || other === undefined) throw new Error('no replicas');
  const saleId = await database.makeSale({ units, closesAt: new Date(Date.now() + 3_600_000).toISOString() });
  const sale = await catalogue.find(saleId);
  if (sale === null) throw new Error('no sale');
  const first = createStock(servers.connect('patient'), { replicas: 0 });
  await poll('ZooKeeper to be connected', () => zookeeper.ready() === null);
  await preloadSale({ stock: first, catalogue, zookeeper }, sale, units);
  await changeSaleState({ stock: first, catalogue, zookeeper }, saleId, 'open');
  await servers.primary.client.wait(2, longMs);
  const to = { host: '127.0.0.1', port: portOf(servers.primary) };
  const proxy = await startTcpProxy({ to });
  const closing: (() => Promise<void>)[] = [];
  onTestFinished(async () => {
    for (const close of closing.reverse()) await close();
    await pool.query('UPDATE sales SET epoch = 0 WHERE id = $1', [saleId]); // no guard asks for it any more
    await proxy.close();
    await servers.stop();
  });

  /** One process of the service, over the address that leads to the primary of now. */
  function startService() {
    const lines: string[] = [];
    const sink = { write: (line: string) => void lines.push(line) };
    const logger = pino({ level: 'warn' }, sink);
    const redis = connectRedis('hot', `redis://127.0.0.1:${proxy.port}`, logger);
    // What is asked here is asked for what the answer is, not for how soon it comes.
    Object.assign(redis.options, { commandTimeout: longMs, socketTimeout: longMs });
    const patient = connectRedis('patient', `redis://127.0.0.1:${proxy.port}`, logger);
    closing.push(async () => disconnectRedis(redis, patient));
    const rollbacks: string[] = [];
    const guard = createRollbackGuard({
      ...{ catalogue, zookeeper, logger, witnessTimeoutMs: longMs },
      onRollback: (id) => rollbacks.push(id),
    });
    const stock = createStock(redis, { replicas });
    const gate = createGate({
      redis,
      stock: { clock: stock.clock, reserve: reserveInGroups(stock) },
      verify: () => guard.check(stock, { needsWitness: true }),
      ...{ logger, retryMs: 20, lifeMs: longMs },
    });
    const told: Promise<unknown>[] = [];
    const purchase = createPurchase({
      stock: { reserve: gate.reserve, shown: stock.shown },
      ticketKeys: () => ticketKeys,
      now: Date.now,
      wait: async () => undefined,
      onAccepted: guard.sawOrder,
      onSoldOut: (id, epoch) => told.push(publishState(zookeeper, id, { state: 'sold_out', epoch })),
      ...{ decideWithinMs: 0, lifeMs: longMs },
    });
    const ticketOf = (userId: string) => {
      const orderId = newOrderId(saleId, Date.now());
      return { orderId, ticket: signTicket({ orderId, userId, expiresAtMs: Date.now() + longMs }, ticketKeys) };
    };
    const buy = ({ ticket }: ReturnType<typeof ticketOf>) => purchase(saleId, ticket, { quantity: 1 });
    /** What its relay has moved to the queue, and how often it was told that too few replicas have what it read. */
    const moved: string[] = [];
    let heldBack = 0;
    const relay = startRelay({
      redis: patient,
      ...{ replicas, logger, instance: crypto.randomUUID() },
      onBarrier: (_seconds, isReplicated) => {
        if (!isReplicated) heldBack += 1;
      },
      queue: {
        getJobCounts: async () => ({}),
        getRanges: async () => [],
        getJobState: async () => 'unknown',
        addBulk: async (jobs) => {
          for (const { data } of jobs) moved.push(...(data as ChunkData).orders.map(({ orderId }) => orderId));
          return [];
        },
      },
      sales: async () => [saleId],
      fullPassMs: 50,
    });
    closing.push(relay.close);
    return {
      ...{ guard, stock, rollbacks, moved, ticketOf, buy, log: () => lines.join('') },
      heldBack: () => heldBack,
      isOpen: () => poll('purchases to pass', () => gate.isOpen()),
      published: () => Promise.all(told),
      /** The answer of the sale itself, as a shopper who asks again gets it. */
      decided: (held: ReturnType<typeof ticketOf>): Promise<PurchaseOutcome> =>
        poll('a decision', async () => {
          const outcome = await buy(held);
          return outcome.kind === 'unavailable' ? null : outcome;
        }),
    };
  }

  /** The replicas follow one of them from here on, and what the primary is given now is lost with it. */
  async function cutOff() {
    await next?.client.replicaof('NO', 'ONE');
    await other?.client.replicaof('127.0.0.1', portOf(next as TestRedis));
    await poll('the promoted one to have its replica', async () => {
      await next?.client.set('followed', 1);
      return (await next?.client.wait(1, 1000)) === 1;
    });
  }
  async function losePrimary() {
    to.port = portOf(next as TestRedis);
    await servers.primary.kill();
  }
  const reserved = async (server: TestRedis) => {
    const books = await createStock(server.client, { replicas: 0 }).cut(saleId);
    return [...(books?.reservations.keys() ?? [])].sort();
  };

  const service = startService();
  await service.isOpen();
  const ada = service.ticketOf('ada');
  expect(await service.decided(ada)).toMatchObject({ kind: expect.stringMatching('accepted|replay'), place: 1 });
  await servers.primary.client.wait(2, longMs);
  return { saleId, sale, servers, promoted: next, service, startService, ada, cutOff, losePrimary, reserved };
}
const nodeOf = (saleId: string) => readSaleNode(zookeeper, saleId);

test('an order that no replica had is lost with its primary, no shopper was told, and the sale goes on without an alarm', async () => {
  const { saleId, servers, promoted, service, startService, ada, cutOff, losePrimary, reserved } = await startSale(1);
  const second = startService();
  await second.isOpen();
  await cutOff();
  const bob = service.ticketOf('bob');
  expect(await service.buy(bob)).toEqual({ kind: 'unavailable' });
  expect(await reserved(servers.primary)).toEqual([ada.orderId, bob.orderId].sort());
  const services = [service, second];
  await poll('the relays to have read it', () => services.some(({ heldBack }) => heldBack() > 2));
  await losePrimary();
  expect(await reserved(promoted)).toEqual([ada.orderId]);
  expect(services.flatMap(({ moved }) => moved)).not.toContain(bob.orderId);
  // Their place is the next one's, told once; the shopper who asks again gets one, too.
  expect(await second.decided(second.ticketOf('eve'))).toMatchObject({ kind: 'accepted', place: 2 });
  expect(await service.decided(bob)).toMatchObject({ kind: 'accepted', place: 3 });
  expect(await service.decided(ada)).toMatchObject({ kind: 'replay', place: 1 });
  // Only after its shopper had asked again, and in its new place.
  await poll('the three orders to be moved', () => new Set(services.flatMap(({ moved }) => moved)).size === 3);
  for (const { guard, stock, rollbacks, log } of services) {
    expect([await guard.check(stock), rollbacks]).toEqual([[], []]);
    expect(log()).not.toMatch(/older past|ROLLBACK/);
  }
  expect((await service.stock.sale(saleId))?.fault).toBe(null);
});

test('a sold-out epoch that no replica had is lost unseen: the last unit is sold by the promoted one', async () => {
  const { saleId, service, cutOff, losePrimary } = await startSale(1);
  expect(await service.decided(service.ticketOf('bob'))).toMatchObject({ place: 2 });
  const before = await nodeOf(saleId);
  await cutOff();
  const late = service.ticketOf('late');
  expect(await service.buy(late)).toEqual({ kind: 'unavailable' });
  await service.published();
  expect(await nodeOf(saleId)).toEqual(before);
  await losePrimary();
  expect(await service.decided(service.ticketOf('eve'))).toMatchObject({ kind: 'accepted', place: 3 });
  await service.published();
  expect(await nodeOf(saleId)).toMatchObject({ state: 'sold_out', epoch: (before?.epoch ?? 0) + 1 });
  expect(await service.decided(late)).toMatchObject({ kind: 'sold_out' });
  expect([await service.guard.check(service.stock), service.rollbacks, service.log()]).toEqual([
    [],
    [],
    expect.not.stringMatching(/older past/),
  ]);
});

// Without the barrier: a yes is told that one disk alone has.
test.each([
  { witness: 'the service that told it', says: /such as|place 2 was given/, isFresh: false, isStored: false },
  { witness: 'its row in PostgreSQL', says: /such as|place 2 was given/, isFresh: true, isStored: true },
])(
  'an acknowledged order that was lost pauses the sale before the next purchase; witness: $witness',
  async (expected) => {
    const { saleId, sale, promoted, service, startService, ada, cutOff, losePrimary, reserved } = await startSale(0);
    await cutOff();
    const bob = service.ticketOf('bob');
    expect(await service.buy(bob)).toMatchObject({ kind: 'accepted', place: 2 });
    const granted = [...((await service.stock.cut(saleId))?.reservations ?? [])];
    const orders = granted.map(([orderId, { userId, units: quantity, place, acceptedAt }]) => ({
      ...{ orderId, saleId, userId, quantity, place, acceptedAt },
    }));
    if (expected.isStored) await store.store(orders);
    await losePrimary();
    const seller = expected.isFresh ? startService() : service;
    expect(await seller.decided(seller.ticketOf('eve'))).toMatchObject({ kind: 'paused' });
    expect(await reserved(promoted)).toEqual([ada.orderId]);
    expect(seller.rollbacks).toEqual([saleId]);
    const fault = (await seller.stock.sale(saleId))?.fault ?? '';
    expect(fault).toMatch(expected.says);
    expect(seller.log()).toContain('ROLLBACK: stock Redis has an older past; the sale is paused');
    expect(seller.log()).toContain(fault);
    expect(await nodeOf(saleId)).toMatchObject({ state: 'paused' });

    // `stock rebuild` gives bob his place back, from his row or from the queue.
    const deps = { stock: seller.stock, store, queuedOrders: async () => (expected.isStored ? [] : orders) };
    const plan = await planRebuild(deps, saleId, sale);
    if (plan === null) throw new Error('no plan');
    const epoch = (await nodeOf(saleId))?.epoch ?? 0;
    expect(await applyRebuild(deps, plan, epoch)).toMatchObject({ restored: 1, refused: [] });
    await seller.stock.setState(saleId, 'resume');
    expect(await seller.decided(bob)).toMatchObject({ kind: 'replay', place: 2 });
    expect(await seller.decided(seller.ticketOf('eve'))).toMatchObject({ kind: 'accepted', place: 3 });
    expect(await seller.guard.check(seller.stock)).toEqual([]);
  },
);

test('a sold-out epoch that was published and lost pauses the sale; witness: ZooKeeper', async () => {
  const { saleId, service, startService, cutOff, losePrimary } = await startSale(0);
  await cutOff();
  for (const user of ['bob', 'eve']) await service.decided(service.ticketOf(user));
  await service.published();
  const epoch = (await nodeOf(saleId))?.epoch ?? 0;
  await losePrimary();
  const fresh = startService();
  expect(await fresh.decided(fresh.ticketOf('late'))).toMatchObject({ kind: 'paused' });
  expect((await fresh.stock.sale(saleId))?.fault).toBe(`its epoch is ${epoch - 1}, but ${epoch} was published`);
  expect(await nodeOf(saleId)).toMatchObject({ state: 'paused', epoch: epoch + 1 });
});

test('a primary that was cut off and replaced, and still answers, is no evidence: no sale is paused', async () => {
  const { saleId, servers, promoted, service, cutOff } = await startSale(1);
  await cutOff();
  // The others sell on, and their orders are stored.
  const connection = connectRedis('patient', promoted.url, database.logger);
  onTestFinished(() => disconnectRedis(connection));
  const elsewhere = createStock(connection, { replicas: 1 });
  const order = { ...database.makeOrder(saleId), userId: 'bob', place: 2 };
  await poll('a yes of the others', async () => {
    const outcome = await elsewhere
      .reserve(saleId, { orderId: order.orderId, userId: 'bob', quantity: 1 })
      .catch(() => null);
    return outcome !== null;
  });
  await store.store([order]);
  const before = await nodeOf(saleId);
  // The leader looks again, over a connection that leads to the one before.
  await expect(service.guard.check(service.stock)).rejects.toMatchObject({ kind: 'unknown' });
  expect([service.rollbacks, await nodeOf(saleId)]).toEqual([[], before]);
  expect(await servers.primary.client.hget(`seckill:{${saleId}}:sale`, 'fault')).toBe(null);
  expect(service.log()).toMatch(/not of a primary with its replicas: no sale is paused/);
  expect(await service.guard.check(elsewhere)).toEqual([]);
});
