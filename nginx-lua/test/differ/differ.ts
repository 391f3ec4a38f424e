import { join } from 'node:path';
import type { EdgeOffice } from '#contract/edge-office.ts';
import { toEdgeSale } from '#contract/edge-stream.ts';
import { formatTicketKeys } from '#contract/ticket.ts';
import { edgeSignInKeysOf } from '#gateway/agent/edge-sign-in-keys.ts';
import { saleOfficeOf } from '#gateway/tickets/sale-office.ts';
import { createShopKeys } from '#http/shop-keys.ts';
import { createRandom, type Random, seedFor } from '#lab/random.ts';
import { startEdge, type TestEdge } from '#lab/servers/edge.ts';
import { differenceOf } from './exchange/compare.ts';
import { headerOf, openLine } from './exchange/line.ts';
import { requestBytes, straightBytes } from './exchange/request.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { oddBodies } from './scenes/bodies.ts';
import { earlier, type Kept, keep, otherStates, realWork, show, wholeWay } from './scenes/good.ts';
import { oddHeads, oddTargets } from './scenes/heads.ts';
import type { Play, Scene } from './scenes/scene.ts';
import { oddTokens } from './scenes/tokens.ts';
import { spoiltChallenges, wrongOften } from './scenes/wrong.ts';
import { startKeyServer } from './world/sign-in.ts';
import { createWorld, type World } from './world/world.ts';

export type DifferOptions = { requests: number; seed: number; only?: number | undefined; log?: (line: string) => void };

/** How many of a kind were asked, answered by the edge itself, passed on, and how many answers differed. */
export type Counts = { asked: number; byEdge: number; passedOn: number; different: number };
export type Difference = { what: string; scene: number; difference: string; request: string };
export type DifferSummary = Counts & {
  seed: number;
  seconds: number;
  changes: number;
  byStatus: Record<string, number>;
  byKind: Record<string, Counts>;
  /** Of the requests that an edge must answer by itself, those that it did; and one that it did not. */
  forEdge: { asked: number; byEdge: number; example: { what: string; scene: number } | null };
  /** The shortest request of each kind whose answers differ, with the number that `--only` takes. */
  differences: Difference[];
  faults: string[];
};

/** Each with its weight. */
const plays: [Play, number][] = [
  [wholeWay, 30],
  [earlier, 20],
  [realWork, 0.1],
  [otherStates, 6],
  [wrongOften, 6],
  [spoiltChallenges, 14],
  [oddBodies, 20],
  [oddHeads, 12],
  [oddTargets, 6],
  [oddTokens, 24],
];
const weights = plays.reduce((sum, [, weight]) => sum + weight, 0);
const scenesAPhase = 150;
const lanes = 24;
const unlimited = { addressPerSecond: 1_000_000, addressBurst: 1_000_000 };

function drawPlay(random: Random): Play {
  let left = random.next() * weights;
  for (const [play, weight] of plays) {
    left -= weight;
    if (left < 0) return play;
  }
  return wholeWay;
}

/**
 * Two edges over the gateway's own code: one has its stream and answers what it can; the other has no word of the office and
 * passes everything on to a gateway of its own, which is also asked straight.
 */
async function startSides(world: World) {
  const shop = await startKeyServer();
  shop.keys = world.keySet.keys;
  const [edge, passing] = await Promise.all([startEdge(unlimited), startEdge(unlimited)]);
  const socketOf = ({ dir }: TestEdge) => join(dir, 'g.sock');
  const gatewayOf = async (side: TestEdge): Promise<Gateway> => {
    await side.gateway.stop();
    const gateway = await startGateway(socketOf(side), world, shop.url);
    side.gateway = gateway;
    return gateway;
  };
  const behind = await gatewayOf(edge);
  const reference = await gatewayOf(passing);
  let obeyed = 0;
  return {
    ...{ edge, passing, behind },
    referenceSocket: socketOf(passing),
    /** Both sides obey the world as it is now; the edge is told as an agent tells it. */
    async obey(): Promise<void> {
      shop.keys = world.keySet.keys;
      behind.obey();
      reference.obey();
      const sales = [...world.sales.values()].map((sale) => ({ ...toEdgeSale(sale), office: saleOfficeOf(sale) }));
      await passing.agent.send({ type: 'snapshot', sales });
      const [keys, office] = [formatTicketKeys(world.ticketKeys), await officeOf(world, shop.url)];
      obeyed += 1;
      if (obeyed % 2 === 1) {
        await edge.agent.send({ type: 'snapshot', sales, keys, office });
        return;
      }
      await edge.agent.send({ type: 'keys', keys });
      await edge.agent.send({ type: 'office', office });
      for (const sale of sales) await edge.agent.send({ type: 'sale', sale });
    },
    async stop(): Promise<void> {
      shop.stop();
      // Each to its end, also where the other one has a Lua error to tell.
      for (const end of await Promise.allSettled([edge.stop(), passing.stop()]))
        if (end.status === 'rejected') throw end.reason;
    },
  };
}
/** What an agent beside the gateway tells of the office; a set that the gateway does not take has no keys. */
async function officeOf(world: World, jwksUrl: string): Promise<EdgeOffice> {
  const { challengeSecret, sessionSecret, ticketTtlMs, calmPerSecond, signIn } = world;
  const shopKeys = createShopKeys(jwksUrl);
  await shopKeys.fetch().catch(() => {}); // none to use, then
  const keys = await edgeSignInKeysOf(shopKeys.get() ?? { keys: [] });
  return {
    ...{ challengeSecret, sessionSecret, ticketTtlMs, calmPerSecond },
    signIn: signIn === null ? null : { ...signIn, keys },
  };
}

type Sides = Awaited<ReturnType<typeof startSides>>;

/** Asks both so many requests, and says where their answers differ. The same seed tells the same stories; what the two draw is new. */
export async function runDiffer({ requests, seed, only, log = () => {} }: DifferOptions): Promise<DifferSummary> {
  const world = createWorld(createRandom(seed));
  const sides = await startSides(world);
  const summary = emptySummary(seed);
  const from = performance.now();
  try {
    const told = only === undefined ? null : log;
    const sceneOf = (nth: number, lines: Lines): Scene => {
      const random = createRandom(seedFor(seed, nth));
      return { nth, random, world, ask: asking({ nth, random, world, lines, summary, log: told }) };
    };
    // The first scene of a phase shows what was kept from the one before, over the same connections: the same workers.
    const isKept = (nth: number) => nth % scenesAPhase === 0;
    const last = only === undefined ? Infinity : Math.floor(only / scenesAPhase);
    let phase = only === undefined ? 0 : isKept(only) ? Math.max(0, last - 1) : last;
    for (let nth = 0; nth < phase; nth += 1) world.change();
    const keptLines = openLines(sides);
    let kept: Kept[] = [];
    for (; phase <= last && summary.asked < requests; phase += 1) {
      await sides.obey();
      const first = phase * scenesAPhase;
      if (only === undefined || isKept(only)) {
        const scene = sceneOf(first, keptLines);
        await show(scene, kept, 'when something has changed');
        kept = keep(scene);
        await show(scene, kept, 'while it is good');
      }
      const end = only === undefined ? first + scenesAPhase : isKept(only) ? only : only + 1;
      let next = only ?? first + 1;
      const lane = async () => {
        const lines = openLines(sides);
        while (next < end && summary.asked < requests) {
          const scene = sceneOf(next++, lines);
          await drawPlay(scene.random)(scene);
        }
        closeLines(lines);
      };
      await Promise.all(Array.from({ length: only === undefined ? lanes : 1 }, lane));
      const changed = world.change();
      summary.changes += 1;
      const { asked, byEdge, different } = summary;
      log(`${asked} requests, ${byEdge} answered by the edge, ${different} differ; now ${changed}`);
    }
    closeLines(keptLines);
    summary.seconds = Math.round((performance.now() - from) / 1000);
    // What the edge said it passed on is what came.
    if (sides.behind.asked !== summary.passedOn)
      summary.faults.push(`${sides.behind.asked} requests came to the gateway, and ${summary.passedOn} answers say so`);
  } finally {
    await sides.stop().catch((error: unknown) => summary.faults.push(String(error)));
  }
  return summary;
}

const openLines = ({ edge, passing, referenceSocket }: Sides) => ({
  edge: openLine(edge.port),
  passing: openLine(passing.port),
  straight: openLine(referenceSocket),
});

type Lines = ReturnType<typeof openLines>;
const closeLines = (lines: Lines) => {
  for (const line of Object.values(lines)) line.close();
};

type Asking = {
  nth: number;
  random: Random;
  world: World;
  lines: Lines;
  summary: DifferSummary;
  /** Tells each exchange, of a scene that is played again. */
  log: ((line: string) => void) | null;
};

const asking =
  ({ nth, random, world, lines, summary, log }: Asking): Scene['ask'] =>
  async (what, asked, claim) => {
    const isHead = asked.method === 'HEAD';
    const bytes = requestBytes(asked);
    // Mostly without an edge before it: what such a one does, the other would do too.
    const straight = random.chance(0.2) ? null : straightBytes(asked);
    const sentMs = Date.now();
    const [edge, reference] = await Promise.all([
      lines.edge.ask(bytes, isHead),
      straight === null ? lines.passing.ask(bytes, isHead) : lines.straight.ask(straight, isHead),
    ]);
    const pair = { edge, reference, sentMs, answeredMs: Date.now() };
    const difference = differenceOf(pair, { ...claim, isHead }, world);
    const isPassedOn = headerOf(edge, 'x-request-id') !== null;
    const counts = summary.byKind[what] ?? noCounts();
    summary.byKind[what] = counts;
    for (const each of [summary, counts]) {
      each.asked += 1;
      each.byEdge += isPassedOn ? 0 : 1;
      each.passedOn += isPassedOn ? 1 : 0;
      each.different += difference === null ? 0 : 1;
    }
    const status = String(reference.status);
    summary.byStatus[status] = (summary.byStatus[status] ?? 0) + 1;
    if (claim.isForEdge === true) {
      summary.forEdge.asked += 1;
      summary.forEdge.byEdge += isPassedOn ? 0 : 1;
      if (isPassedOn) summary.forEdge.example = { what, scene: nth };
    }
    const request = Buffer.concat(bytes).toString('latin1');
    if (difference !== null) note(summary, { what, scene: nth, difference, request });
    const told = (answer: typeof edge) =>
      `${answer.status} ${JSON.stringify(answer.headers)} ${answer.body.toString()}`;
    log?.(
      `--- ${what}\n${request}\n--- edge: ${told(edge)}\n--- gateway: ${told(reference)}\n--- ${difference ?? 'equal'}\n`,
    );
    return pair;
  };

const noCounts = (): Counts => ({ asked: 0, byEdge: 0, passedOn: 0, different: 0 });
const emptySummary = (seed: number): DifferSummary => ({
  ...{ seed, seconds: 0, changes: 0, byStatus: {}, byKind: {}, differences: [], faults: [] },
  ...noCounts(),
  forEdge: { asked: 0, byEdge: 0, example: null },
});

/** Keeps the shortest request of each kind. */
function note({ differences }: DifferSummary, found: Difference): void {
  const at = differences.findIndex(({ what }) => what === found.what);
  const held = differences[at];
  if (held === undefined) differences.push(found);
  else if (found.request.length < held.request.length) differences[at] = found;
}
