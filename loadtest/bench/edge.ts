import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type Load, type Result, type Round, resultOf, runRound } from './edge/contest.ts';
import { type Contest, contests } from './edge/contests.ts';
import { type InStep, measureInStep } from './edge/in-step.ts';
import { startBenchEdge } from './edge/nginx.ts';
import { requireWrk } from './edge/wrk.ts';
import { circumstances, spread, table } from './kit/statistics.ts';

export const summary = 'what the edge costs beside a bare nginx: refusals, pages, sale data, purchases passed on';

const inStepName = 'three edges in step';

const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '11' },
      seconds: { type: 'string', default: '2' },
      connections: { type: 'string', default: '32' },
      sales: { type: 'string', default: '100' },
      only: { type: 'string', default: '' },
    },
  });
  const [rounds, seconds, connections, sales] = [values.rounds, values.seconds, values.connections, values.sales].map(
    Number,
  );
  const whole = (value: number | undefined): value is number => Number.isInteger(value) && Number(value) > 0;
  if (!whole(rounds) || !whole(seconds) || !whole(connections) || !whole(sales))
    throw new TypeError('--rounds, --seconds, --connections and --sales must be whole numbers above 0');
  await requireWrk();

  const settings = { rounds, seconds, connections, sales };
  const loads: number[] = [];
  const note = (text: string) => {
    loads.push(loadavg()[0] ?? Number.NaN);
    process.stderr.write(`${text}\n`);
  };
  const inStep = inStepName.includes(values.only)
    ? await measureInStep(sales, (nth) => nth % 10 === 0 && note(`${inStepName}: ${nth} of ${sales} sales`))
    : null;
  const results = await contend(values.only, settings, note);
  if (inStep === null && results.length === 0)
    throw new TypeError(`--only ${values.only}: nothing that is measured has that in its name`);
  const report = { ...(await circumstances()), settings, loadAverage: spread(loads), inStep, results };
  const folder = new URL('../results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  if (values.only === '') await writeFile(new URL('edge.json', folder), `${JSON.stringify(report, rounded, 2)}\n`);
  return [results.length === 0 ? '' : describe(results), inStep === null ? '' : describeInStep(inStep)].join('\n');
}

/** All contests whose name holds `only`, in turns, so that what the machine does meanwhile hits all of them. */
async function contend(only: string, load: Load & { rounds: number }, note: (text: string) => void): Promise<Result[]> {
  const bench = await startBenchEdge();
  try {
    const seen = new Map<Contest, Round[]>();
    for (const contest of contests(bench)) if (contest.name.includes(only)) seen.set(contest, []);
    for (const contest of seen.keys()) await runRound(bench, contest, 0, { ...load, seconds: 1 }); // warm
    for (let nth = 0; nth < load.rounds; nth += 1) {
      for (const [contest, list] of seen) list.push(await runRound(bench, contest, nth, load));
      if (seen.size > 0) note(`round ${nth + 1} of ${load.rounds}`);
    }
    return [...seen].map(([contest, list]) => resultOf(contest, list));
  } finally {
    await bench.stop();
  }
}

function describe(results: readonly Result[]): string {
  const short = (value: number) => value.toFixed(2);
  const of = ({ median, min, max }: { median: number; min: number; max: number }) =>
    `${short(median)} (${short(min)}–${short(max)})`;
  return `${table([
    ['', 'ours/s', 'bare/s', 'ratio', 'wanted', 'p99 ratio', 'wanted', 'µs ours', 'µs bare', 'CPU ratio'],
    ...results.map(({ name, atLeast, p99AtMost, ours, bare, ratio }) => [
      name,
      ours.perSecond.median.toFixed(0),
      bare.perSecond.median.toFixed(0),
      of(ratio.perSecond),
      atLeast === null ? '' : `≥ ${short(atLeast)}`,
      of(ratio.p99),
      p99AtMost === null ? '' : `≤ ${short(p99AtMost)}`,
      short(ours.cpuUs.median),
      short(bare.cpuUs.median),
      of(ratio.cpu),
    ]),
  ])}\n`;
}

function describeInStep({ edges, sales, sheds, passedAfter, opens }: InStep): string {
  const row = (name: string, { p50, p99, max, atMost }: InStep['sheds']) => [
    name,
    ...[p50, p99, max].map((value) => value.toFixed(1)),
    `p99 ≤ ${atMost}`,
  ];
  return `${table([
    [`${edges} edges, ${sales} sales, ms`, 'p50', 'p99', 'max', 'wanted'],
    row('last unit sold → every edge sheds', sheds),
    row('unit returned → every edge open', opens),
  ])}\npassed on after every edge shed, by edge: ${JSON.stringify(passedAfter)} (wanted: 0)\n`;
}
