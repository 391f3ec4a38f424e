import { setTimeout as wait } from 'node:timers/promises';
import type { ClientConfig } from 'pg';
import { LogicalReplicationService } from 'pg-logical-replication';
import type { CdcTable } from '#contract/cdc.ts';
import { type Lsn, lsnText, parseLsn } from '../port/lsn.ts';
import type { CdcChange } from '../port/sink.ts';
import { createDecoder, TextPgoutput } from './decode.ts';
import { createPace } from './pace.ts';
import type { CdcStream, Gathered } from './source.ts';

/** Changes that wait here at most; the socket is not read beyond them. */
const maxWaiting = 20_000;
/** Shorter than that is no rest: a timer is not that exact. */
const leastRestMs = 10;
const statusEveryMs = 1000;
const idleEveryMs = 10_000;
const idleBytes = 16n * 1024n * 1024n;
const startWithinMs = 10_000;
/** It is asked each second, and answers at once: one that says nothing for this time is behind a dead link. */
const silentMs = 10_000;

/** A change, and the transaction that it came with. */
type Waiting = { change: CdcChange; commit: Lsn; commitMs: number };

/** What came from the slot and was not handed on: whole transactions, and the one that is coming. */
type Arrived = {
  waiting: Waiting[];
  /** Ends of whole transactions and of WAL without any, each with the number of changes that came before it. */
  ends: { end: Lsn; after: number }[];
  /** Of all changes so far: how many came, how many of them in whole transactions, and how many were handed on. */
  came: number;
  whole: number;
  handed: number;
};

/**
 * Reads the slot over a replication connection. `settled` says how far a failover can take nothing back any more; it is asked before
 * changes are handed on.
 */
export async function openStream(options: {
  client: ClientConfig;
  slot: string;
  publication: string;
  db: string;
  from: string;
  generation: number;
  settled: () => Promise<Lsn>;
  /** Changes that are read a second, at most; null for as fast as they come. */
  changesPerSecond: number | null;
  onColumns: (table: CdcTable, names: readonly string[]) => void;
  now: () => number;
}): Promise<CdcStream> {
  const { slot, settled, onColumns, now } = options;
  const plugin = new TextPgoutput(options.publication);
  const decode = createDecoder(options);
  // The library's own acknowledging tells what was received, not what was written.
  const service = new LogicalReplicationService(options.client, {
    acknowledge: { auto: false, timeoutSeconds: 0 },
    flowControl: { enabled: true },
  });
  const arrived: Arrived = { waiting: [], ends: [], came: 0, whole: 0, handed: 0 };
  /** Ends of WAL that the server told between two messages: `after` is how many came before. They overtake what waits in the library. */
  const told: { end: Lsn; after: number }[] = [];
  let handled = 0;
  let heardAt = now();
  const pace = createPace(options.changesPerSecond, now);
  /** What the server says is not read: our own buffer is full, or the pace is reached. */
  let isHeld = false;
  let present: { commit: Lsn; commitMs: number } | null = null;
  let failure: Error | null = null;
  let wake: () => void = () => undefined;
  /** How many waiting changes end a wait: to be woken by each of them would cost a timer each. */
  let wanted = 1;
  const awake = () => wake();
  let acknowledged = parseLsn(options.from);
  /** Handed on and not acknowledged yet, oldest first. */
  let open: { end: Lsn; commitMs: number }[] = [];

  const takeTold = () => {
    for (let next = told[0]; next !== undefined && next.after <= handled; next = told[0]) {
      told.shift();
      const last = arrived.ends.at(-1);
      if (last?.after === arrived.whole) arrived.ends.pop(); // the same changes, and further
      arrived.ends.push({ end: last !== undefined && last.end > next.end ? last.end : next.end, after: arrived.whole });
    }
  };

  service.on('data', async (_lsn: string, message: Parameters<typeof decode>[0]) => {
    heardAt = now();
    if (failure !== null) return;
    let restMs = 0;
    try {
      const said = decode(message);
      if (said?.kind === 'begin') present = { commit: said.commit, commitMs: said.commitMs };
      else if (said?.kind === 'columns') onColumns(said.table, said.names);
      else if (said?.kind === 'change' && present !== null) {
        arrived.waiting.push({ change: said.change, ...present });
        arrived.came += 1;
        restMs = pace();
      } else if (said?.kind === 'commit') {
        arrived.whole = arrived.came;
        arrived.ends.push({ end: said.end, after: arrived.whole });
        present = null;
      }
    } catch (error) {
      fail(error);
    }
    handled += 1;
    takeTold();
    if (arrived.waiting.length >= wanted) awake();
    isHeld = true;
    if (restMs >= leastRestMs) await wait(restMs);
    while (arrived.waiting.length >= maxWaiting && failure === null) await wait(20);
    heardAt = now();
    isHeld = false;
  });
  service.on('heartbeat', (lsn: string) => {
    heardAt = now();
    told.push({ end: parseLsn(lsn), after: plugin.received });
    takeTold();
    awake();
  });
  service.on('error', fail);

  function fail(error: unknown): void {
    failure ??= error instanceof Error ? error : new Error(String(error));
    awake();
  }

  const started = new Promise<void>((resolve) => service.once('start', () => resolve()));
  const running = service.subscribe(plugin, slot, options.from).then(
    () => fail(new Error('the replication connection ended')),
    (error: unknown) => fail(error),
  );
  await Promise.race([started, running, wait(startWithinMs, undefined, { ref: false })]);
  if (failure === null && service.isStop())
    fail(new Error(`no changes from the slot ${slot} within ${startWithinMs / 1000} s`));
  if (failure !== null) {
    await end(service);
    throw failure;
  }

  // The library says one more than it is told: a commit that begins right there would be passed over.
  const tell = () => void service.acknowledge(lsnText(acknowledged - 1n), true).catch(fail);
  tell();
  const status = setInterval(() => {
    tell();
    if (!isHeld && now() - heardAt > silentMs) fail(new Error(`PostgreSQL has said nothing for ${silentMs / 1000} s`));
  }, statusEveryMs);

  /** How many of the waiting changes may be handed on, and what is in the sink with them. */
  const ready = (limit: Lsn): { count: number; upTo: Lsn } => {
    let upTo = 0n;
    let count = 0;
    for (const { end, after } of arrived.ends) {
      if (end > limit) break;
      if (end > upTo) upTo = end;
      count = Math.max(0, after - arrived.handed); // parts of a large transaction went before its end
    }
    return { count, upTo };
  };

  const until = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  let idleSince = now();
  let handedTo = parseLsn(options.from);

  return {
    next: async ({ gatherMs, maxChanges }) => {
      let gatheredSince: number | null = null;
      for (;;) {
        if (failure !== null) throw failure;
        const last = arrived.ends.at(-1)?.end ?? handedTo;
        const isChanged = arrived.waiting.length > 0;
        if (isChanged) gatheredSince ??= now();
        const isGathered =
          gatheredSince !== null && (now() - gatheredSince >= gatherMs || arrived.waiting.length >= maxChanges);
        const isIdleOver =
          !isChanged && last > handedTo && (now() - idleSince >= idleEveryMs || last - handedTo >= idleBytes);
        if (isGathered || isIdleOver) {
          const taken = take(await settled());
          if (taken !== null) return taken;
          await until(50);
          continue;
        }
        wanted = gatheredSince === null ? 1 : maxChanges;
        await until(gatheredSince === null ? statusEveryMs : Math.max(1, gatherMs - (now() - gatheredSince)));
      }
    },
    acknowledge: (lsn) => {
      const at = parseLsn(lsn);
      if (at <= acknowledged) return;
      acknowledged = at;
      open = open.filter(({ end }) => end > at);
    },
    lagSeconds: () => {
      const oldest = open[0]?.commitMs ?? arrived.waiting[0]?.commitMs;
      // What a silent server has not sent may be as old as its silence.
      const silence = isHeld || now() - heardAt < 3 * statusEveryMs ? 0 : now() - heardAt;
      return Math.max(silence, oldest === undefined ? 0 : now() - oldest) / 1000;
    },
    close: async () => {
      clearInterval(status);
      if (failure === null) await service.acknowledge(lsnText(acknowledged - 1n)).catch(() => undefined);
      failure ??= new Error('the stream was closed');
      awake();
      await end(service);
    },
  };

  function take(limit: Lsn): Gathered | null {
    const { count, upTo } = ready(limit);
    const isPartly = count === 0 && arrived.waiting.length >= maxWaiting;
    // A transaction that is larger than what may wait here is handed on in parts; what is acknowledged stays before it.
    const parts = isPartly ? arrived.waiting.filter(({ commit }) => commit < limit).length : count;
    if (parts === 0 && upTo <= handedTo) return null;
    const taken = arrived.waiting.splice(0, parts);
    arrived.handed += taken.length;
    if (!isPartly) arrived.ends = arrived.ends.filter(({ end: at, after }) => at > limit || after > arrived.handed);
    const lsn = upTo > handedTo ? upTo : handedTo;
    handedTo = lsn;
    idleSince = now();
    const oldestMs = taken[0]?.commitMs ?? null;
    if (oldestMs !== null) open.push({ end: isPartly ? lsn + 1n : lsn, commitMs: oldestMs });
    return { changes: taken.map(({ change }) => change), lsn: lsnText(lsn) };
  }
}

const endWithinMs = 3000;

async function end(service: LogicalReplicationService): Promise<void> {
  // The library keeps it to itself, and waits for the server's goodbye: behind a dead link there is none, and the server would hold the
  // slot for this connection when the link is back.
  const connection = Reflect.get(service, '_connection') as { stream?: { destroy: () => void } } | null;
  await Promise.race([service.destroy().catch(() => undefined), wait(endWithinMs, undefined, { ref: false })]);
  connection?.stream?.destroy();
}
