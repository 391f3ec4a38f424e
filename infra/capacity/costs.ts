import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { missingWay, type ShopperCosts, shopperSchema } from './shopper-costs.ts';
import { type StoredCosts, storedCosts, storedSchema } from './stored-costs.ts';

/** What one thing costs one part, and the measurement that says so. */
export type Cost = { value: number; unit: 'µs' | 'bytes' | 'per second' | 'times'; from: string };

export type Costs = Record<
  'edgeRefusal' | 'edgePassed' | 'stockScript' | 'stockScriptsPerSecond' | 'stockBytesPerOrder',
  Cost
> &
  Record<'relayService' | 'relayQueueRedis' | 'relayStockRedis', Cost> &
  Record<'storeWorker' | 'storeQueueRedis' | 'storeStockRedis', Cost> &
  /** Null until `npm run bench -- parts` has run. */
  Record<'servicePurchase' | 'pageBytes' | 'refusalBytes', Cost | null> & {
    /** The shopper's way, step by step; null until `npm run bench -- shopper` has run. */
    shopper: (ShopperCosts & { from: string }) | null;
    /**
     * One purchase on its whole way; null until `npm run bench -- purchase --stored` has run. It stands for the purchase of the
     * service, the scripts a second, and what relay and worker cost: those are measured apart, and without PostgreSQL.
     */
    stored: (StoredCosts & { from: string }) | null;
  };

/** The measurements that a plan stands on. */
export function sourcesOf({ stored, ...others }: Costs): string[] {
  const { stockScriptsPerSecond, servicePurchase, ...rest } = others;
  const { relayService, relayQueueRedis, relayStockRedis, storeWorker, storeQueueRedis, storeStockRedis, ...alone } =
    rest;
  const used = stored === null ? others : alone;
  return [...new Set([...Object.values(used), stored].flatMap((cost) => (cost === null ? [] : [cost.from])))];
}

/**
 * What an order costs stock Redis' processor with two replicas that follow it, over what it costs alone: 37.7 over 21.7 µs, in
 * batches of 100. The one figure that stands here: its trial is no benchmark of this project that could be run anew.
 */
export const replicatedStock: Cost = {
  value: 37.7 / 21.7,
  unit: 'times',
  from: 'two replicas: a trial of 2026-11-30 on Redis 7.0.15 (2 cores): 21.7 µs an order alone, 37.7 with them',
};

/** A file of loadtest/results that is missing or says something else than its benchmark writes. */
export class ResultError extends Error {}

const median = z.object({ median: z.number().positive() }).transform((spread) => spread.median);
const where = {
  date: z.iso.datetime(),
  commit: z.string(),
  machine: z.object({ model: z.string(), cores: z.number() }),
};
const edge = z.object({
  ...where,
  results: z.array(z.object({ name: z.string(), ours: z.object({ cpuUs: median }) })),
});
const reserve = z.object({
  ...where,
  usecPerCall: z.object({ reserve: median }),
  acceptedPerSecond: z.object({ reserve: median }),
  bytesPerOrder: z.number().positive(),
});
const relay = z.object({
  ...where,
  processorMicrosPerEntry: z.object({ service: median, queueRedis: median, stockRedis: median }),
});
const drain = z.object({
  ...where,
  processorMicrosPerOrder: z.object({ worker: median, queueRedis: median, stockRedis: median }),
});
export const partsSchema = z.object({
  ...where,
  microsPerAccepted: z.object({ service: median }),
  bytes: z.object({ page: z.number().positive(), refusal: z.number().positive() }),
});

export const resultsFolder = new URL('../../loadtest/results/', import.meta.url);

/** Reads the measured costs. Nothing here is a copy of a figure: without its file there is no plan. */
export async function readCosts(folder: URL = resultsFolder): Promise<Costs> {
  const [edges, reserved, relayed, drained] = [
    await read(folder, 'edge.json', edge),
    await read(folder, 'reserve.json', reserve),
    await read(folder, 'relay.json', relay),
    await read(folder, 'drain.json', drain),
  ];
  const parts = await read(folder, 'parts.json', partsSchema).catch(nullOfNone);
  const shopper = await read(folder, 'shopper.json', shopperSchema).catch(nullOfNone);
  const stored = await read(folder, 'stored.json', storedSchema, 'purchase --stored').catch(nullOfNone);
  const missing = shopper && missingWay(shopper.data);
  if (typeof missing === 'string')
    throw new ResultError(`shopper.json has no "${missing}": run npm run bench -- shopper`);
  const us = (value: number, from: string): Cost => ({ value, unit: 'µs', from });
  const contest = (name: string): Cost => {
    const found = edges.data.results.find((result) => result.name === name);
    if (found === undefined) throw new ResultError(`edge.json has no "${name}": run npm run bench -- edge`);
    return us(found.ours.cpuUs, edges.from);
  };
  const entry = relayed.data.processorMicrosPerEntry;
  const order = drained.data.processorMicrosPerOrder;
  return {
    edgeRefusal: contest('sold-out POST'),
    edgePassed: contest('good ticket, passed on'),
    stockScript: us(reserved.data.usecPerCall.reserve, reserved.from),
    stockScriptsPerSecond: { value: reserved.data.acceptedPerSecond.reserve, unit: 'per second', from: reserved.from },
    stockBytesPerOrder: { value: reserved.data.bytesPerOrder, unit: 'bytes', from: reserved.from },
    relayService: us(entry.service, relayed.from),
    relayQueueRedis: us(entry.queueRedis, relayed.from),
    relayStockRedis: us(entry.stockRedis, relayed.from),
    storeWorker: us(order.worker, drained.from),
    storeQueueRedis: us(order.queueRedis, drained.from),
    storeStockRedis: us(order.stockRedis, drained.from),
    servicePurchase: parts && us(parts.data.microsPerAccepted.service, parts.from),
    pageBytes: parts && { value: parts.data.bytes.page, unit: 'bytes', from: parts.from },
    refusalBytes: parts && { value: parts.data.bytes.refusal, unit: 'bytes', from: parts.from },
    stored: stored && { ...storedCosts(stored.data), from: stored.from },
    shopper: shopper && { steps: shopper.data.steps, ways: shopper.data.ways, from: shopper.from },
  };
}

/** For a result that a plan can do without: null while its file is not there. */
function nullOfNone(error: unknown): null {
  if (error instanceof ResultError && error.cause instanceof Error && 'code' in error.cause) return null;
  throw error;
}

type Result = z.ZodType<{ date: string; commit: string; machine: { model: string; cores: number } }>;

async function read<S extends Result>(
  folder: URL,
  name: string,
  schema: S,
  bench = name.replace('.json', ''),
): Promise<{ data: z.output<S>; from: string }> {
  try {
    const data = schema.parse(JSON.parse(await readFile(new URL(name, folder), 'utf8')));
    const { machine, commit, date } = data;
    return {
      data,
      from: `${name} (${machine.model}, ${machine.cores} cores, ${date.slice(0, 10)}, ${commit.slice(0, 7)})`,
    };
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    const advice = `run npm run bench -- ${bench}`;
    throw new ResultError(`loadtest/results/${name} cannot be used: ${reason}: ${advice}`, { cause: error });
  }
}
