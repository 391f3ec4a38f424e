import type { Redis } from 'ioredis';
import { relayGroup, saleKeys, salesRegistryKey } from '#contract/redis-keys.ts';
import { saleNewsChannel } from '#contract/sale-news.ts';
import { formatShownOrder, shownOrdersChannel } from '#contract/shown-order.ts';
import { type Barrier, createBarrier, type OnBarrier } from './barrier.ts';
import { commitArguments, type Picture } from './commit-call.ts';
import { fail } from './fault.ts';
import { defineScripts, type RunScripts } from './load-scripts.ts';
import {
  type CommitOutcome,
  commitOutcomes,
  numbers,
  recountOutcome,
  restoreOutcomes,
  setStateOutcome,
  unexpected,
} from './outcomes.ts';
import { replies } from './replies.ts';
import { outcomesIn, reserveArguments } from './reserve-call.ts';
import { createReserveGroup } from './reserve-group.ts';
import type { Stock, StockDecisions, StockReads } from './stock.ts';
import { createStockReads } from './stock-reads.ts';
import { unitsGranted } from './stock-sale.ts';

/**
 * The stock on one connection. Give it a `hot` connection for decisions, a `patient` one for everything that is idempotent
 * and in no hurry. `replicas`: how many must have a yes, or what a {@link Stock.barrier} lets pass, before it is told.
 */
export function createStock(
  redis: Redis,
  { replicas = 0, onBarrier }: { replicas?: number; onBarrier?: OnBarrier } = {},
): Stock {
  const scripts = defineScripts(redis);
  const reads = createStockReads(redis, scripts);
  const barrier = createBarrier(redis, { replicas, onBarrier });
  const reserving = createReserving(scripts, barrier, replicas);
  return { ...reads, ...reserving, ...createDecisions(redis, scripts, reads), barrier: barrier.behind };
}

type Reserving = Pick<StockDecisions, 'reserve' | 'reserveAll' | 'reserveGroup'>;

function createReserving(scripts: RunScripts, barrier: Barrier, replicas: number): Reserving {
  const reserveGroup = createReserveGroup(scripts, barrier);
  const alone: Reserving['reserveAll'] = async (saleId, asked) =>
    outcomesIn(await scripts.one('reserve', saleKeys(saleId), asked.flatMap(reserveArguments)).catch(fail), asked);
  const behind: Reserving['reserveAll'] = async (saleId, asked) => (await reserveGroup([{ saleId, asked }]))[0] ?? [];
  const reserveAll = replicas === 0 ? alone : behind;
  return {
    reserveGroup,
    reserveAll,
    async reserve(saleId, question, notAfterMs = null) {
      const [outcome] = await reserveAll(saleId, [{ question, notAfterMs }]);
      if (outcome === undefined || outcome instanceof Error) throw outcome;
      return outcome;
    },
  };
}

function createDecisions(
  redis: Redis,
  scripts: RunScripts,
  reads: StockReads,
): Omit<StockDecisions, keyof Reserving | 'barrier'> {
  const run: RunScripts['one'] = (...call) => scripts.one(...call).catch(fail);

  /** Another slot than the sale's, so a command of its own: a name in the list of sales. */
  const addToRegistry = (saleId: string) => redis.sadd(salesRegistryKey, saleId).catch(fail);

  async function commitPictures(saleId: string, pictures: readonly Picture[]): Promise<[string, CommitOutcome][]> {
    const orderIds = pictures.flatMap((picture) => picture.orderIds);
    if (orderIds.length === 0) return [];
    const args = commitArguments(shownOrdersChannel, pictures);
    const codes = numbers(await run('commit', saleKeys(saleId), args));
    return orderIds.map((orderId, index) => {
      const code = codes[index] ?? Number.NaN;
      return [orderId, commitOutcomes.get(code) ?? unexpected('commit', code)];
    });
  }

  /** Whether nothing of a sale can be on its way any more. */
  async function isOver(saleId: string, afterMs: number): Promise<boolean> {
    const [sale, outbox, now] = await Promise.all([reads.sale(saleId), reads.outboxLength(saleId), reads.clock()]);
    if (sale === null || sale.state === 'draft' || sale.state === 'paused') return false;
    return outbox === 0 && now >= sale.closesAtMs + afterMs && unitsGranted(sale) - sale.skipped === sale.committed;
  }

  return {
    async preload(saleId, { total, opensAtMs, closesAtMs, limitPerUser, lowestEpoch }) {
      const args = [total, opensAtMs, closesAtMs, limitPerUser, lowestEpoch, relayGroup];
      // Sent first: a name without stock is passed over everywhere, stock without a name would sell unseen by relay,
      // sweeper and reconciler.
      const [, reply] = await Promise.all([addToRegistry(saleId), run('preload', saleKeys(saleId), args)]);
      const [code, epoch] = numbers(reply);
      if (code === replies.preload.LIVE) return { kind: 'live' };
      return { kind: 'done', epoch };
    },

    async commit(saleId, orderIds) {
      return (await commitPictures(saleId, [{ shown: null, orderIds }])).map(([, outcome]) => outcome);
    },

    async commitShown(saleId, orders) {
      const alike = Map.groupBy(orders, ({ shown }) => shown);
      return commitPictures(
        saleId,
        [...alike].map(([shown, those]) => ({ shown, orderIds: those.map(({ orderId }) => orderId) })),
      );
    },

    async release(saleId, orderId, where = 'shelf') {
      const [code, epoch] = numbers(await run('release', saleKeys(saleId), [orderId, saleId, saleNewsChannel, where]));
      if (code === replies.release.RELEASED) return { kind: 'released', openEpoch: epoch === 0 ? null : epoch };
      if (code === replies.release.WITHHELD) return { kind: 'withheld' };
      if (code === replies.release.ALREADY) return { kind: 'already' };
      return code === replies.release.UNKNOWN ? { kind: 'unknown' } : unexpected('release', code);
    },

    async show(saleId, orders) {
      if (orders.length === 0) return;
      const pictures = orders.flatMap((order) => [
        order.orderId,
        order.version,
        order.step ?? 0,
        formatShownOrder(order),
      ]);
      await run('show', saleKeys(saleId), [shownOrdersChannel, ...pictures]);
    },

    async forgetPictures(saleId, orderIds) {
      if (orderIds.length > 0) await redis.hdel(saleKeys(saleId).orders, ...orderIds).catch(fail);
    },

    async setState(saleId, action, openNow = false) {
      return setStateOutcome(await run('set-state', saleKeys(saleId), [action, openNow ? 'now' : '', '', 0]));
    },

    async retire(saleId, afterMs) {
      if (!(await isOver(saleId, afterMs))) return false;
      await redis.srem(salesRegistryKey, saleId).catch(fail);
      // Ops may have paused it, and begun to give it orders back, in between.
      if (await isOver(saleId, afterMs)) return true;
      await addToRegistry(saleId);
      return false;
    },

    async pauseForFault(saleId, fault, lowestEpoch) {
      return setStateOutcome(await run('set-state', saleKeys(saleId), ['pause', '', fault, lowestEpoch]));
    },

    async mend(saleId, lowestEpoch = 0) {
      return setStateOutcome(await run('set-state', saleKeys(saleId), ['mend', '', '', lowestEpoch]));
    },

    async restore(saleId, { orderId, state, units, place, acceptedAt, userId }) {
      const args = [orderId, state === 'held' ? 'h' : 'c', units, place, acceptedAt, userId];
      // Its name first, as in preload: a held order must be found by the sweeper.
      const [, reply] = await Promise.all([addToRegistry(saleId), run('restore', saleKeys(saleId), args)]);
      const [code] = numbers(reply);
      return restoreOutcomes.get(code) ?? unexpected('restore', code);
    },

    async recount(saleId, how) {
      return recountOutcome(await run('recount', saleKeys(saleId), [how]));
    },
  };
}
