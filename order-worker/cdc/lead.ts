import { isDeepStrictEqual } from 'node:util';
import type { CdcFilled, CdcRequest } from '#contract/cdc.ts';
import { ConfigError } from '#runtime/config.ts';
import type { Logger } from '#runtime/logger.ts';
import { judgeStart, type Start } from './judge-start.ts';
import type { CdcMetrics } from './metrics.ts';
import type { CdcChange, CdcSink, SinkPosition } from './port/sink.ts';
import type { CdcSource, CdcStream, ServerState } from './source/source.ts';
import { atFirst, type Standing } from './standing.ts';
import { NoLongerWriting, writePatiently } from './write-patiently.ts';

/** Changes that are handed to the sink at once, at most. */
const maxChanges = 5000;
const againMs = 1000;
const judgeAgainMs = 2000;
const lookMs = 200;

export type LeadDeps = {
  source: CdcSource;
  makeSink: () => Promise<CdcSink>;
  isLeader: () => boolean;
  /** The last snapshot that was asked for. */
  request: () => Promise<CdcRequest | null>;
  /** Which sink has had all tables, as it was noted; and notes it. */
  filled: { read: () => Promise<CdcFilled | null>; note: (filled: CdcFilled) => Promise<void> };
  metrics: CdcMetrics;
  logger: Logger;
  now: () => number;
  random: () => number;
  onStanding: (standing: Standing) => void;
};

export type Lead = {
  standing: () => Standing;
  lagSeconds: () => number;
  close: () => Promise<void>;
};

/**
 * While this process leads it copies what is committed into the sink: from where the sink stands, or by a new snapshot. All that goes wrong
 * is told and tried again; a gap is told, and waits for a person. Never rejects.
 */
export function startLeading(deps: LeadDeps): Lead {
  const { metrics, logger, now } = deps;
  let closed = false;
  let wake: () => void = () => undefined;
  let standing: Standing = atFirst;
  let stream: CdcStream | null = null;
  /** When all was in the sink that had been committed. */
  let caughtUpMs = now();

  const tell = (news: Partial<Standing>) => {
    const trouble = news.trouble === undefined ? standing.trouble : news.trouble;
    const troubleSince = trouble === null ? null : (standing.troubleSince ?? now());
    const next = { ...standing, ...news, trouble, troubleSince };
    if (next.trouble !== standing.trouble && next.trouble !== null) logger.warn({ state: next.state }, next.trouble);
    if (next.state !== standing.state) logger.info({ state: next.state, generation: next.generation }, 'cdc');
    standing = next;
    metrics.state(next.state);
    deps.onStanding(next);
  };
  const rest = (ms: number) =>
    new Promise<void>((resolve) => {
      if (closed) return resolve();
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const mayWrite = () => !closed && deps.isLeader();

  async function run(): Promise<void> {
    while (!closed) {
      if (!deps.isLeader()) {
        caughtUpMs = now(); // what it does not follow is no lag of its own
        if (standing.state !== 'standing_by') tell({ ...atFirst });
        await rest(lookMs);
        continue;
      }
      const waitMs = await leadOnce().catch((error: unknown) => {
        if (error instanceof NoLongerWriting) return 0;
        tell({ state: standing.state === 'standing_by' ? 'starting' : standing.state, trouble: wordsOf(error) });
        return againMs;
      });
      if (waitMs > 0) await rest(waitMs);
    }
  }

  /** One time of leading, until something goes wrong or the office is lost. Returns how long to wait before the next. */
  async function leadOnce(): Promise<number> {
    if (standing.state === 'standing_by' || standing.state === 'streaming' || standing.state === 'snapshot')
      tell({ state: 'starting' });
    const wrong = await deps.source.prerequisites();
    if (wrong.length > 0) return stop(wrong.join('; '));
    const sink = await deps.makeSink();
    try {
      await sink.open();
      const position = await sink.position();
      tell({
        generation: position?.generation ?? null,
        position: position?.lsn ?? null,
        request: doneRequest(position),
      });
      const server = await deps.source.server();
      const start = await judge(sink.name, position, server);
      switch (start.kind) {
        case 'held':
          tell({ state: 'starting', trouble: start.words });
          return againMs;
        case 'gap':
          if (start.wentBackFrom !== undefined && position !== null)
            await noteFilled(sink, position, start.wentBackFrom);
          return stop(`${start.words}: run "seckill cdc snapshot"`);
        case 'snapshot':
          // Judged anew: while it was read and written, another server may have taken over.
          await takeSnapshot(sink, start, server);
          return 0;
        case 'stream':
          await noteFilled(sink, start.position);
          await follow(sink, { ...start.position, timeline: server.timeline });
          return 0;
      }
    } catch (error) {
      // What a person has to mend in the sink ends a process that begins; one that runs waits for it.
      if (error instanceof ConfigError) return stop(error.problems.join('; '));
      throw error;
    } finally {
      await sink.close().catch((error: unknown) => logger.warn({ err: error }, 'the sink did not close in order'));
    }
  }

  function stop(words: string): number {
    tell({ state: 'stopped', trouble: words });
    return judgeAgainMs;
  }

  async function judge(sink: string, position: SinkPosition | null, server: ServerState): Promise<Start> {
    const filled = await deps.filled.read();
    const isLater = position !== null && position.timeline < server.timeline;
    return judgeStart({
      ...{ position, server },
      filled: filled?.sink === sink ? filled : null,
      slot: await deps.source.slot(),
      request: await deps.request(),
      timelineEnd: isLater ? await deps.source.timelineEnd(position.timeline) : null,
    });
  }

  async function takeSnapshot(
    sink: CdcSink,
    start: Extract<Start, { kind: 'snapshot' }>,
    server: ServerState,
  ): Promise<void> {
    const { generation, request } = start;
    logger.info({ generation, why: start.why }, 'reading all tables from the beginning');
    tell({ state: 'snapshot', generation, trouble: null, written: 0, setAside: 0 });
    await deps.source.makeSlot();
    const { system, timeline, end } = server;
    const position: SinkPosition = { generation, snapshot: 'running', lsn: end, system, timeline, request };
    await write(sink, [], position);
    let rows = 0;
    metrics.snapshotRows(0);
    const abort = new AbortController();
    const watch = setInterval(
      () => mayWrite() || abort.abort(new NoLongerWriting('this process leads no more')),
      lookMs,
    );
    try {
      const { lsn } = await deps.source.snapshot({
        generation,
        signal: abort.signal,
        onRows: async (changes) => {
          await write(sink, changes, null);
          rows += changes.length;
          metrics.snapshotRows(rows);
        },
      });
      const done: SinkPosition = { ...position, snapshot: 'done', lsn };
      await write(sink, [], done);
      await noteFilled(sink, done);
      logger.info({ generation, rows }, 'all tables are in the sink');
      tell({ position: lsn, request });
    } finally {
      clearInterval(watch);
    }
  }

  /** Once: it is a node that lasts. */
  async function noteFilled(
    { name }: CdcSink,
    { generation, request }: SinkPosition,
    wentBackFrom: string | null = null,
  ): Promise<void> {
    const filled: CdcFilled = { sink: name, generation, request, wentBackFrom };
    if (!isDeepStrictEqual(await deps.filled.read(), filled)) await deps.filled.note(filled);
  }

  async function follow(sink: CdcSink, from: SinkPosition): Promise<void> {
    const reading = await deps.source.stream({ from: from.lsn, generation: from.generation });
    stream = reading;
    let asked = false;
    // What waits for changes is ended by closing the stream.
    const watch = setInterval(() => {
      if (!mayWrite()) void reading.close();
      else
        void deps.request().then(
          (request) => {
            if (request === null || request.id === from.request) return;
            asked = true;
            return reading.close();
          },
          () => undefined, // ZooKeeper is away: asked again
        );
    }, againMs);
    tell({ state: 'streaming', trouble: null });
    try {
      for (;;) {
        const { changes, lsn } = await reading.next({ gatherMs: sink.gatherMs, maxChanges });
        await write(sink, changes, { ...from, lsn });
        reading.acknowledge(lsn);
        tell({ position: lsn, trouble: null });
      }
    } catch (error) {
      if (asked || !mayWrite()) return;
      throw error;
    } finally {
      clearInterval(watch);
      caughtUpMs = now() - reading.lagSeconds() * 1000;
      stream = null;
      await reading.close();
    }
  }

  async function write(sink: CdcSink, changes: readonly CdcChange[], position: SinkPosition | null): Promise<void> {
    const since = now();
    const setAside = await writePatiently({
      ...{ sink, changes, position, mayWrite, rest, random: deps.random },
      onFailure: (error) => {
        metrics.failed((now() - since) / 1000);
        tell({ trouble: wordsOf(error) }); // it names the sink
      },
    });
    metrics.written(changes, setAside);
    if (standing.trouble !== null) tell({ trouble: null });
    if (changes.length > 0)
      tell({ written: standing.written + changes.length, setAside: standing.setAside + setAside });
  }

  const running = run();
  return {
    standing: () => standing,
    lagSeconds: () => {
      if (standing.state === 'standing_by') return 0;
      return stream === null ? Math.max(0, (now() - caughtUpMs) / 1000) : stream.lagSeconds();
    },
    close: async () => {
      closed = true;
      wake();
      await stream?.close();
      await running;
    },
  };
}

const doneRequest = (position: SinkPosition | null) => (position?.snapshot === 'done' ? position.request : null);
const wordsOf = (error: unknown): string => {
  if (error instanceof ConfigError) return error.problems.join('; ');
  return error instanceof Error ? error.message : String(error);
};
