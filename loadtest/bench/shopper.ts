import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { resultsFolder } from '#infra/capacity/costs.ts';
import { challengeKinds, shopperSchema, signIns } from '#infra/capacity/shopper-costs.ts';
import { stackEnvironment } from '#infra/stack/stack.ts';
import { poll } from '#lab/poll.ts';
import { childrenOf, measureRest, type ProcessorTime, type Watched } from './kit/processor-time.ts';
import { type BenchStack, startBenchStackWith } from './kit/stack.ts';
import { circumstances } from './kit/statistics.ts';
import type { Edge } from './shopper/crowd.ts';
import { assetsOfPage, lookAround } from './shopper/looks.ts';
import { createMeter } from './shopper/meter.ts';
import { readOfficeCounts } from './shopper/office-counts.ts';
import { type Round, summaryOf, tableOf } from './shopper/report.ts';
import { makeSales, units } from './shopper/sales.ts';
import { type SignToken, startSignIns } from './shopper/sign-ins.ts';
import { fillMemory, type Secrets, type Shopper, takeWay, type Way } from './shopper/way.ts';

/**
 * What one shopper costs: processor time of each process, step by step, from the page to a press that is refused, for
 * each sign-in and each kind of challenge; and who answered, the edge itself or a process behind it. A stack of its own,
 * on loopback; writes loadtest/results/shopper.json, which `seckill plan` reckons with.
 */
export const summary = 'processor time of one whole shopper in each process, for each sign-in and challenge';

const restMs = 2000;
const allWays: readonly Way[] = signIns.flatMap((signIn) => challengeKinds.map((challenge) => ({ signIn, challenge })));

type Order = { shopper: Shopper; orderId: string };
type Process = Watched & { innerUrl: string | null };
type Bench = {
  workers: number;
  edge: Edge;
  edgeInnerUrl: string;
  secrets: Secrets;
  processes: readonly Watched[];
  orders: readonly Order[];
};

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      shoppers: { type: 'string', default: '1000' },
      lanes: { type: 'string', default: '64' },
      way: { type: 'string', multiple: true },
    },
  });
  const [rounds, shoppers, lanes] = [values.rounds, values.shoppers, values.lanes].map(Number);
  const isCount = (value: number | undefined): value is number => Number.isInteger(value) && Number(value) > 0;
  if (!isCount(rounds) || !isCount(shoppers) || !isCount(lanes))
    throw new TypeError('--rounds, --shoppers and --lanes must be whole numbers above 0');
  const ways = values.way === undefined ? allWays : values.way.map(wayOf);

  const signing = await startSignIns();
  try {
    const settings = { SECKILL_SIGN_IN_JWKS_URL: signing.jwksUrl, SECKILL_DEMO_SIGN_IN: 'on' };
    const stack = await startBenchStackWith(settings);
    try {
      const bench = await prepare(stack, signing.signer, lanes);
      const measured: Round[] = [];
      for (let nth = 0; nth <= rounds; nth += 1) {
        const round = await measure(bench, ways, nth, nth === 0 ? Math.ceil(shoppers / 10) : shoppers);
        if (nth === 0) continue; // warm
        measured.push(round);
        process.stderr.write(`round ${nth} of ${rounds}\n`);
      }
      const document = {
        ...(await circumstances()),
        settings: { rounds, shoppers, lanes },
        ...summaryOf(measured),
        /** What nginx itself counted, warming up included. */
        officeCounts: await readOfficeCounts(bench.edgeInnerUrl),
      };
      if (ways === allWays) await keep(document);
      const counts = Object.entries(document.officeCounts).map(([what, count]) => `${what} ${count}`);
      return `${[
        tableOf(document),
        ...(counts.length === 0 ? [] : [`counted by the edge, warming up included: ${counts.join(', ')}`]),
        ...(ways === allWays ? [] : ['Not kept: only a run of all ways is.']),
      ].join('\n')}\n`;
    } finally {
      await stack.stop();
    }
  } finally {
    await signing.stop();
  }
}

function wayOf(text: string): Way {
  const [signIn, challenge] = text.split('/');
  const found = allWays.find((way) => way.signIn === signIn && way.challenge === challenge);
  if (found !== undefined) return found;
  throw new TypeError(`--way must be <sign-in>/<challenge>: ${signIns.join(', ')} / ${challengeKinds.join(', ')}`);
}

/** Sales of each kind, sold out, and a few orders of them. */
async function prepare(stack: BenchStack, signer: (sessionSecret: string) => SignToken, lanes: number): Promise<Bench> {
  const { SECKILL_SESSION_SECRET: sessionSecret = '', SECKILL_CHALLENGE_SECRET: challengeSecret = '' } =
    (await stackEnvironment(stack.dir)) ?? {};
  const secrets = { signToken: signer(sessionSecret), challengeSecret };
  const edge = { url: new URL(stack.edgeUrl), lanes };
  const { processes } = await stack.seckill<{ processes: Process[] }>('status');
  await makeSales(stack);
  const orders: Order[] = [];
  for (const challenge of challengeKinds) {
    const way: Way = { signIn: 'HS256', challenge };
    const walk = (count: number, pressed: number) => takeWay(edge, createMeter([], {}), secrets, way, count, pressed);
    orders.push(...(await poll(`the sale of ${challenge} to open`, () => walk(units, 202))));
    await poll(`the edge to refuse the sale of ${challenge}`, () => walk(1, 410));
  }
  const edgeInnerUrl = processes.find(({ role }) => role === 'edge')?.innerUrl ?? '';
  const workers = processes.filter(({ role }) => role === 'edge').flatMap(({ pid }) => childrenOf(pid)).length;
  return { edge, edgeInnerUrl, workers, secrets, processes, orders };
}

/** A round takes every way, each round beginning with another one: what the machine does meanwhile hits all. */
async function measure(
  { edge, workers, secrets, processes, orders }: Bench,
  ways: readonly Way[],
  nth: number,
  count: number,
): Promise<Round> {
  const resting: ProcessorTime = await measureRest(processes, restMs);
  const looks = createMeter(processes, resting);
  await lookAround(edge, looks, count, await assetsOfPage(edge), orders);
  const first = nth % ways.length;
  const forget = () => fillMemory(edge, secrets, workers);
  const taken = ways.map((way) => ({ way, meter: createMeter(processes, resting) }));
  for (const { way, meter } of [...taken.slice(first), ...taken.slice(0, first)])
    await takeWay(edge, meter, secrets, way, count, 410, way.challenge === 'sum' ? forget : undefined);
  return {
    ...{ resting, steps: looks.steps, load: loadavg()[0] ?? Number.NaN },
    ways: taken.map(({ way, meter }) => ({ way, steps: meter.steps })),
  };
}

async function keep(document: unknown): Promise<void> {
  shopperSchema.parse(document);
  const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value);
  await writeFile(new URL('shopper.json', resultsFolder), `${JSON.stringify(document, rounded, 2)}\n`);
}
