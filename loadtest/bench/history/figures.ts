import type { Spread } from '../kit/statistics.ts';

/** What a figure was at one commit. */
export type Point = Spread & { commit: string; date: string };
export type Figure = {
  name: string;
  file: string;
  wanted: { is: 'at least' | 'at most'; value: number };
  /** A number or a {@link Spread} out of a result; anything else where one of then did not have it. */
  of: (result: unknown) => unknown;
};

/** What lies there in a file of loadtest/results, of today or of long ago: nothing of its shape is sure. */
const at =
  (...path: string[]) =>
  (result: unknown): unknown =>
    path.reduce(
      (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
      result,
    );

const ratio = (name: string, file: string, least: number, of: Figure['of']): Figure => ({
  ...{ name: `${name}, of its ceiling`, file, of },
  wanted: { is: 'at least', value: least },
});
const most = (name: string, file: string, value: number, of: Figure['of']): Figure => ({
  ...{ name, file, of },
  wanted: { is: 'at most', value },
});

const contest = (name: string, least: number): Figure =>
  ratio(`edge: ${name}`, 'edge.json', least, (edge) => {
    const results = at('results')(edge);
    const found = Array.isArray(results) ? results.find((each) => at('name')(each) === name) : undefined;
    return at('ratio', 'perSecond')(found);
  });
const growth = (process: string): Figure =>
  most(`memory of ${process}, after 10 × as many`, 'memory.json', 1.1, at('growth', process));

/** Challenge, ticket and a refused press of one shopper, in µs of all processes. */
const shopper = (signIn: string, challenge: string, value: number): Figure =>
  most(`µs of a shopper: ${signIn}, ${challenge}`, 'shopper.json', value, (result) => {
    const ways = at('ways')(result);
    const isIt = (way: unknown) => at('signIn')(way) === signIn && at('challenge')(way) === challenge;
    return at('beforeAndPress', 'sum')(Array.isArray(ways) ? ways.find(isIt) : undefined);
  });

/** The figures that the project wants to reach, in the order in which they are drawn. */
export const figures: readonly Figure[] = [
  ratio('accepted purchases/s', 'purchase.json', 0.7, at('perSecond', 'ratio')),
  {
    ...{ name: 'accepted purchases/s', file: 'purchase.json', of: at('perSecond', 'ours') },
    wanted: { is: 'at least', value: 5200 },
  },
  most(
    'p99 at half of that rate, ms',
    'purchase.json',
    25,
    (it) => at('atHalfTheRate', 'p99Ms', 'ours')(it) ?? at('atHalfTheRate', 'p99Ms')(it),
  ),
  most('µs of an accepted and stored purchase', 'stored.json', 400, at('microsPerPurchase', 'stored', 'sum')),
  ...(
    [
      ['accepted and stored/s', 'acceptedAndStored', 5500],
      ['accepted/s, drain paused', 'pausedFirst', 8000],
      ['accepted/s with a long outbox, of the first', 'lateOverFirst', 0.9],
    ] as const
  ).map(([name, key, value]): Figure => {
    return { name, file: 'stored.json', of: at('perSecond', key), wanted: { is: 'at least', value } };
  }),
  ratio('reserve script, calls/s', 'reserve.json', 0.75, at('acceptedPerSecond', 'ratio')),
  most('bytes of stock Redis an order', 'reserve.json', 400, at('bytesPerOrder')),
  ratio('relay, entries/s', 'relay.json', 0.8, at('perSecond', 'ratio')),
  ratio('stored orders/s', 'drain.json', 0.7, at('perSecond', 'ratio')),
  contest('sold-out POST', 0.92),
  contest('sale page, headers on both', 0.98),
  contest('GET /api/sales/<id>', 0.92),
  contest('good ticket, passed on', 0.85),
  contest('GET …/challenge', 0.6),
  contest('POST …/ticket', 0.45),
  most('last unit until 3 edges shed, p99 ms', 'edge.json', 50, at('inStep', 'sheds', 'p99')),
  most('unit back until 3 edges are open, p99 ms', 'edge.json', 50, at('inStep', 'opens', 'p99')),
  ...['service-1', 'gateway-1', 'worker-1', 'payment-sandbox-1'].map(growth),
  shopper('HS256', 'sum', 90),
  shopper('ES256', 'pow', 250),
  most('µs of a demo sign-in', 'shopper.json', 120, at('steps', 'signIn', 'sum')),
  most('memory of an nginx worker, after 10 × as many tickets', 'office-memory.json', 1.05, (result) => {
    const workers = at('growth')(result);
    return Array.isArray(workers) ? Math.max(...workers) : undefined;
  }),
];

/** What a result says of a figure; null when it does not. Throws when the text is no result at all. */
export function pointOf(figure: Figure, text: string): Point | null {
  const result: unknown = JSON.parse(text);
  const value = figure.of(result);
  const [median, min, max] = ['median', 'min', 'max'].map((part) =>
    Number(typeof value === 'number' ? value : at(part)(value)),
  );
  const [commit, date] = [at('commit')(result), at('date')(result)];
  const isWhole = [median, min, max].every(Number.isFinite) && typeof commit === 'string' && typeof date === 'string';
  if (!isWhole || Number.isNaN(Date.parse(date))) return null;
  return { commit, date, median: Number(median), min: Number(min), max: Number(max) };
}

export const isReached = ({ wanted }: Pick<Figure, 'wanted'>, { median }: Pick<Point, 'median'>): boolean =>
  wanted.is === 'at least' ? median >= wanted.value : median <= wanted.value;
