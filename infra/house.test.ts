import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const isIn = (path: string, room: string) => path === room || path.startsWith(`${room}/`);

/**
 * Who may import whom (docs/architecture.md). The innermost room that holds a file counts. A room may always import
 * itself, a top folder its rooms, unless the list says less. `contract` must stay free of the rest of its house, because
 * it is what the others may know of it.
 */
const ground = ['seckill-service/contract', 'seckill-service/runtime'];
const rooms: { room: string; mayImport: string[] }[] = [
  { room: 'seckill-service/contract', mayImport: [] },
  { room: 'seckill-service/runtime', mayImport: [] },
  { room: 'seckill-service/http', mayImport: ground },
  { room: 'seckill-service/stock', mayImport: ground },
  { room: 'seckill-service/sales', mayImport: [...ground, 'seckill-service/stock'] },
  { room: 'seckill-service/relay', mayImport: [...ground, 'seckill-service/stock'] },
  {
    room: 'seckill-service/purchase',
    mayImport: [...ground, 'seckill-service/http', 'seckill-service/stock', 'seckill-service/sales'],
  },
  { room: 'seckill-service', mayImport: [] },
  // It reads stock Redis for itself, and changes nothing there: of the stock it has the barrier alone.
  { room: 'gateway', mayImport: [...ground, 'seckill-service/http', 'seckill-service/stock/barrier.ts'] },
  { room: 'order-worker', mayImport: [...ground, 'seckill-service/http', 'seckill-service/stock'] },
  { room: 'nginx-lua', mayImport: [] },
  // What a shop would write: it knows this house by its addresses and settings alone.
  { room: 'examples', mayImport: [] },
  // A benchmark stands on the lab as the tests do, so that both look at the same thing.
  { room: 'loadtest/bench', mayImport: ['seckill-service/contract', 'infra/capacity', 'infra/lab', 'infra/stack'] },
  { room: 'loadtest', mayImport: ['seckill-service/contract'] },
  { room: 'infra/text', mayImport: ['seckill-service/contract'] },
  { room: 'infra/migrations', mayImport: ground },
  { room: 'infra/stack/host', mayImport: [] },
  { room: 'infra/stack/plan', mayImport: [...ground, 'infra/stack/host'] },
  { room: 'infra/stack/supervise', mayImport: ['seckill-service/contract', 'infra/stack/plan', 'infra/stack/host'] },
  {
    room: 'infra/stack/servers',
    mayImport: [...ground, 'infra/stack/supervise', 'infra/stack/plan', 'infra/stack/host', 'infra/migrations'],
  },
  { room: 'infra/stack', mayImport: [...ground, 'infra/migrations'] },
  { room: 'infra/cli/kit', mayImport: ['seckill-service', 'order-worker', 'infra/stack', 'infra/text'] },
  {
    room: 'infra/cli',
    mayImport: [
      ...['gateway', 'order-worker', 'loadtest', 'seckill-service'],
      ...['infra/capacity', 'infra/deploy', 'infra/migrations', 'infra/sale-check', 'infra/stack', 'infra/text'],
    ],
  },
  { room: 'infra/chaos', mayImport: ['gateway', 'order-worker', 'loadtest', 'seckill-service', 'infra'] },
  { room: 'infra', mayImport: ['gateway', 'order-worker', 'loadtest', 'seckill-service'] },
];

const aliases = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { imports: Record<string, string> })
  .imports;

/** Tests may look anywhere, and so may the lab, which only they use. */
const lab = 'infra/lab';
const isTest = (file: string) => /\.test\.ts$|^nginx-lua\/test\//.test(file) || isIn(file, lab);
/** What stands on the lab beside tests: it breaks or measures the system, and is no part of it. */
const mayUseLab = ['infra/chaos', 'loadtest/bench'];

const everyFile = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
const sources = (folder: string) => everyFile(folder).filter((file) => !isTest(file));

/** Where an import of `file` leads, from the root; null for packages and Node's own modules. */
function target(file: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return relative(root, resolve(root, dirname(file), specifier));
  for (const [alias, path] of Object.entries(aliases)) {
    const prefix = alias.slice(0, -1);
    if (specifier.startsWith(prefix)) return join(path.slice(0, -1), specifier.slice(prefix.length));
  }
  return null;
}

function specifiersOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, specifier = '']) => specifier);
}

const importsOf = (file: string) => specifiersOf(file).flatMap((specifier) => target(file, specifier) ?? []);

/** The innermost room that a path lies in. */
const roomOf = (path: string) => rooms.find(({ room }) => isIn(path, room));

const tops = [...new Set(rooms.map(({ room }) => room.split('/')[0] ?? ''))];

test.each(tops)('%s imports only what lies below it', (folder) => {
  const forbidden = sources(folder).flatMap((file) =>
    importsOf(file).flatMap((path) => {
      const from = roomOf(file);
      if (from === undefined) throw new Error(`${file} lies in no room`);
      const allowed = isIn(path, from.room) || from.mayImport.some((room) => isIn(path, room));
      return allowed ? [] : [`${file} imports ${path}`];
    }),
  );
  expect(forbidden).toEqual([]);
});

test('no production file imports the lab', () => {
  const outside = tops.flatMap(sources).filter((file) => !mayUseLab.some((room) => isIn(file, room)));
  expect(outside.filter((file) => importsOf(file).some((path) => isIn(path, lab)))).toEqual([]);
  // Seen at all: what may, does.
  expect(importsOf('infra/chaos/round.ts').some((path) => isIn(path, lab))).toBe(true);
});

test('what the image leaves out is imported by no file that it holds', () => {
  const ignored = readFileSync(join(root, 'infra/deploy/images/node.Dockerfile.dockerignore'), 'utf8');
  const left = ignored.split('\n').filter((line) => /^[a-z][a-z/-]*$/.test(line));
  expect(left).toContain(lab);
  const held = tops.flatMap(sources).filter((file) => !left.some((room) => isIn(file, room)));
  expect(held.filter((file) => importsOf(file).some((path) => left.some((room) => isIn(path, room))))).toEqual([]);
});

test('no file imports itself by way of others, and no folder does', () => {
  // Tests are no part of a way: nothing imports them.
  const files = tops.flatMap(everyFile).filter((file) => !file.endsWith('.test.ts'));
  const arrows = files.flatMap((file) => importsOf(file).map((path) => [file, path] as const));
  expect(circles(arrows)).toEqual([]);
  expect(circles(arrows.map(([from, to]) => [dirname(from), dirname(to)] as const))).toEqual([]);
});

test('the map in AGENTS.md names every room of each folder, and what gateway and order-worker may import', () => {
  const text = readFileSync(join(root, 'AGENTS.md'), 'utf8');
  const lines = [...text.matchAll(/^\| `([a-z-]+)\/` \| (.*) \| (.*) \|$/gm)];
  const map = new Map(lines.map(([, top = '', owns = '', mayImport = '']) => [top, { owns, mayImport }]));
  expect([...map.keys()].sort()).toEqual([...tops].sort());
  const missing = tops
    .filter((top) => top !== 'nginx-lua') // told as a whole
    .flatMap((top) => readdirSync(join(root, top), { withFileTypes: true }).map((entry) => ({ top, entry })))
    .filter(({ top, entry }) => entry.isDirectory() && !map.get(top)?.owns.includes(`\`${entry.name}/\``));
  expect(missing.map(({ top, entry }) => `${top}/${entry.name}`)).toEqual([]);
  for (const top of ['gateway', 'order-worker']) {
    const told = [...(map.get(top)?.mayImport ?? '').matchAll(/`([a-z/.]+)`/g)].map(
      ([, name]) => `seckill-service/${name}`,
    );
    expect([top, told]).toEqual([top, rooms.find(({ room }) => room === top)?.mayImport]);
  }
});

test('a circle is found, however long, and a way that ends is none', () => {
  const arrows = [
    ...[['a', 'b'] as const, ['b', 'c'] as const, ['c', 'a'] as const],
    ...[['c', 'd'] as const, ['d', 'e'] as const, ['e', 'e'] as const],
  ];
  expect(circles(arrows)).toEqual([['a', 'b', 'c']]);
});

/** Sets of names that can all reach each other, by Tarjan's algorithm; a name that points to itself only is none. */
function circles(arrows: readonly (readonly [from: string, to: string])[]): string[][] {
  const next = new Map<string, Set<string>>();
  for (const [from, to] of arrows) next.set(from, (next.get(from) ?? new Set()).add(to));
  const number = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (name: string): number => {
    const mine = number.size;
    number.set(name, mine);
    lowest.set(name, mine);
    stack.push(name);
    for (const other of next.get(name) ?? []) {
      const reached = number.has(other) ? (stack.includes(other) ? (number.get(other) ?? mine) : mine) : visit(other);
      lowest.set(name, Math.min(lowest.get(name) ?? mine, reached));
    }
    if (lowest.get(name) === mine) {
      const circle = stack.splice(stack.indexOf(name));
      if (circle.length > 1) found.push(circle.sort());
    }
    return lowest.get(name) ?? mine;
  };
  for (const name of next.keys()) if (!number.has(name)) visit(name);
  return found;
}

test('the walk sees imports at all, relative and by alias', () => {
  expect(importsOf('gateway/main.ts')).toContain('gateway/orders/start-orders.ts');
  expect(importsOf('gateway/main.ts')).toContain('seckill-service/contract/settings.ts');
});

test('node-zookeeper-client has one importer, process.env only the entries, Redis scripts those that own them', () => {
  const files = tops.flatMap(sources);
  const mentioning = (pattern: RegExp) =>
    files.filter((file) => pattern.test(readFileSync(join(root, file), 'utf8'))).sort();
  expect(mentioning(/from 'node-zookeeper-client'/)).toEqual(['seckill-service/runtime/zookeeper/client.ts']);
  expect(mentioning(/\.defineCommand\(|\.eval(sha)?\(/)).toEqual([
    'order-worker/rate/rate.ts',
    'seckill-service/stock/load-scripts.ts',
  ]);
  const entries =
    /^infra\/cli\/(main|seckill|loadtest\/setup-k6)\.ts$|^infra\/(chaos|machines)\/run\.ts$|^loadtest\/bench\/main\.ts$|^infra\/stack\/daemon\.ts$|^seckill-service\/runtime\/main\.ts$/;
  expect(mentioning(/process\.env\b/).filter((file) => !entries.test(file))).toEqual([]);
});

test('`Authorization` is read in one place, so that a bearer is the same text to every process', () => {
  const reading = /\b(?:get|header)\(['"]authorization['"]\)/i;
  const readers = tops
    .flatMap(sources)
    .filter((file) => !isTest(file) && reading.test(readFileSync(join(root, file), 'utf8')));
  expect(readers).toEqual(['seckill-service/http/bearer.ts']);
});

test('of the command line only the entries touch the process: its commands get what they need by runCli, in tests too', () => {
  const touching = /\bprocess\.(env|argv|stdin|stdout|stderr|exit|exitCode|kill|on|once|off)\b/;
  const touched = ['infra/cli', 'infra/text', 'infra/sale-check']
    .flatMap(sources)
    .filter((file) => touching.test(readFileSync(join(root, file), 'utf8')));
  expect(touched.sort()).toEqual(['infra/cli/loadtest/setup-k6.ts', 'infra/cli/main.ts', 'infra/cli/seckill.ts']);
});

test('text of the command line is written by its TextOutput, which escapes; five files have the terminal itself', () => {
  const raw = /\bterminal\b/;
  const files = sources('infra/cli').filter((file) => raw.test(codeOf(file)));
  expect(files.sort()).toEqual([
    'infra/cli/kit/change.ts',
    'infra/cli/kit/output.ts',
    'infra/cli/kit/run.ts',
    'infra/cli/watch/screen.ts',
    'infra/cli/watch/watch-funnel.ts',
  ]);
});

/** A file without its comments and texts. */
function codeOf(file: string): string {
  const text = readFileSync(join(root, file), 'utf8');
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'/g, '');
}

test('contract is schemas and names: no package and no call with which it could listen, connect or fetch', () => {
  const files = sources('seckill-service/contract');
  const packages = files.flatMap((file) => specifiersOf(file).filter((specifier) => target(file, specifier) === null));
  // Not hono, jose, undici, ioredis, pg, node:http, node:net or any other: what is missing here is asked for in a review.
  expect([...new Set(packages)].sort()).toEqual(['node:crypto', 'ulid', 'zod']);
  const calls = /\b(fetch|WebSocket|EventSource|setTimeout|setInterval)\s*\(|process\.|\bimport\s*\(/;
  expect(files.filter((file) => calls.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});
