import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '#lab/poll.ts';
import { createRandom, seedFor } from '#lab/random.ts';
import { buy, saleOf, startEdge, type TestEdge, ticketFor } from '#lab/servers/edge.ts';
import { makeCase } from './cases.ts';
import { exchange } from './exchange.ts';
import { faultOf, readAnswers } from './judge.ts';
import { createOffice } from './office.ts';

export type FuzzOptions = {
  requests: number;
  seed: number;
  /** Nothing but the two routes of the ticket office. */
  isOffice?: boolean;
  only?: number | undefined;
  log?: (line: string) => void;
};
export type Summary = {
  seed: number;
  requests: number;
  connections: number;
  seconds: number;
  /** Answers by status; `closed` and `silent` are connections without any. */
  answers: Record<string, number>;
  /**
   * Cases that were told 503: each was sent once more, alone. A fault again, it is among `faults`; else the machine, which
   * runs the upstreams beside all this, was late.
   */
  late: number;
  /** Each with the number of its case: `--only <number>` replays it. */
  faults: string[];
  /** Of all workers, in MB: after a tenth of the run, and at its end. */
  memory: { before: number; after: number };
  workersKept: boolean;
  /** Purchases that reached the service, and how many of them without a genuine ticket. */
  passed: number;
  forged: number;
  /** Tickets that the edge gave, and how many of them no right answer had earned. */
  tickets: number;
  unearned: number;
  /** Paths that reached an upstream in another spelling than their route's. */
  misspelled: string[];
};

/** A route's own spelling: words between single slashes, none of them escaped. */
const spelled = /^\/(?:api|edge)(?:\/[\w~-][\w.~-]*)+(?:\?|$)/;

const parallel = 24;
const idleMs = 120;

/** Sends so many odd requests to a real nginx, and says what came of it. The same seed sends the same bytes but for tickets. */
export async function runFuzz({
  requests,
  seed,
  isOffice = false,
  only,
  log = () => {},
}: FuzzOptions): Promise<Summary> {
  const edge = await startEdge({
    userPerSecond: 1_000_000,
    userBurst: 1_000_000,
    addressPerSecond: 1_000_000,
    addressBurst: 1_000_000,
  });
  const office = isOffice ? await createOffice(seed) : null;
  const genuine = new Set<string>();
  const ticket = () => {
    const made = ticketFor('open');
    genuine.add(made);
    return made;
  };
  try {
    await edge.agent.send({ type: 'snapshot', sales: [saleOf('open'), saleOf('sold-out', { state: 'sold_out' })] });
    const tellOffice = async () => {
      for (const line of office?.lines ?? []) await edge.agent.send(line);
    };
    await poll('the edge sells', async () => (await buy(edge, 'open', { 'seckill-ticket': ticket() })).status === 202);
    await tellOffice();
    const summary: Summary = {
      seed,
      requests: 0,
      connections: 0,
      seconds: 0,
      answers: {},
      late: 0,
      faults: [],
      memory: { before: 0, after: 0 },
      workersKept: false,
      passed: 0,
      forged: 0,
      tickets: 0,
      unearned: 0,
      misspelled: [],
    };
    const pids = await workersOf(edge);
    const from = performance.now();
    let next = only ?? 0;
    const late: number[] = [];
    const runOne = async (nth: number, isAgain = only !== undefined) => {
      const made = makeCase(createRandom(seedFor(seed, nth)), { ticket, office: office?.request ?? null });
      summary.requests += made.pipelined;
      summary.connections += 1;
      const { answers: bytes, closed } = await exchange(edge.port, made, idleMs);
      const { answers, rest } = readAnswers(bytes);
      const count = (what: string) => {
        summary.answers[what] = (summary.answers[what] ?? 0) + 1;
      };
      for (const answer of answers) {
        count(String(answer.status));
        if (answer.status === 201 && office !== null) {
          summary.tickets += 1;
          if (!office.isEarned(answer.body)) summary.unearned += 1;
        }
        const fault = faultOf(answer);
        if (fault !== null && answer.status === 503 && !isAgain) late.push(nth);
        else if (fault !== null) summary.faults.push(`case ${nth}: ${fault}`);
      }
      // HTTP/0.9 has no head: its answer is a body alone.
      if (rest !== '' && !made.abort && !rest.startsWith('{') && !rest.startsWith('HTTP/1.1'))
        summary.faults.push(`case ${nth}: not HTTP: ${JSON.stringify(rest.slice(0, 60))}`);
      if (bytes.length === 0) count(closed ? 'closed' : 'silent');
      if (only !== undefined)
        log(`${Buffer.concat(made.pieces).toString('latin1')}\n--- answers\n${bytes.toString('latin1')}`);
    };
    const lane = async () => {
      while (only === undefined ? summary.requests < requests : next === only) {
        const nth = next++;
        await runOne(nth);
        if (summary.memory.before === 0 && summary.requests > requests / 10)
          summary.memory.before = await memoryOf(pids);
        if (nth % 2000 === 1999) log(`${summary.requests} requests, ${summary.faults.length} faults`);
      }
    };
    await Promise.all(Array.from({ length: only === undefined ? parallel : 1 }, lane));
    for (const nth of late) await runOne(nth, true);
    summary.late = late.length;
    summary.seconds = Math.round((performance.now() - from) / 1000);
    await poll('no purchase is left in flight', async () =>
      (await edge.metrics()).includes('seckill_edge_in_flight 0\n'),
    );
    const sells = async () => (await buy(edge, 'open', { 'seckill-ticket': ticket() })).status === 202;
    await poll('it sells', sells).catch(() => summary.faults.push('afterwards the edge does not sell'));
    summary.memory.after = await memoryOf(pids);
    summary.workersKept = String(await workersOf(edge)) === String(pids);
    summary.passed = edge.service.seen.length;
    summary.forged = edge.service.seen.filter(({ headers }) => !genuine.has(String(headers['seckill-ticket']))).length;
    summary.misspelled = [...edge.service.seen, ...edge.gateway.seen].flatMap(({ url }) =>
      spelled.test(url) ? [] : [url],
    );
    summary.faults.push(...(await logFaults(edge)));
    return summary;
  } finally {
    await edge.stop();
  }
}

async function workersOf(edge: TestEdge): Promise<number[]> {
  const text = await readFile(`/proc/${edge.pid}/task/${edge.pid}/children`, 'utf8');
  return text.trim().split(' ').map(Number).sort();
}

async function memoryOf(pids: readonly number[]): Promise<number> {
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, 'utf8')));
  // Private memory: pages of the shared dictionaries are counted when they are first touched, and never grow beyond.
  const kilobytes = texts.map((text) => Number(/^RssAnon:\s+(\d+)/m.exec(text)?.[1]));
  return Math.round(kilobytes.reduce((sum, each) => sum + each, 0) / 102.4) / 10;
}

async function logFaults(edge: TestEdge): Promise<string[]> {
  const text = await readFile(join(edge.dir, 'nginx/error.log'), 'utf8');
  return text
    .split('\n')
    .filter((line) =>
      /\[(emerg|alert|crit)\]|lua entry thread|failed to run|_by_lua|fault in Lua|\[lua\].*error/.test(line),
    )
    .map((line) => `log: ${line}`);
}
