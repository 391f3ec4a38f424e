import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/**
 * Who may import whom (docs/architecture.md). A folder may always import itself. `contract` must stay free of the rest
 * of its house, because it is what the others may know of it.
 */
const rooms: { room: string; mayImport: string[] }[] = [
  { room: 'seckill-service/contract', mayImport: [] },
  { room: 'seckill-service/runtime', mayImport: [] },
  { room: 'seckill-service/stock', mayImport: ['seckill-service/contract', 'seckill-service/runtime'] },
  { room: 'seckill-service', mayImport: [] },
  { room: 'gateway', mayImport: ['seckill-service/contract', 'seckill-service/runtime'] },
  {
    room: 'order-worker',
    mayImport: ['seckill-service/contract', 'seckill-service/runtime', 'seckill-service/stock'],
  },
  { room: 'nginx-lua', mayImport: [] },
  // A benchmark stands on the kits that the tests stand on, so that both look at the same thing.
  { room: 'loadtest/bench', mayImport: ['seckill-service/contract', 'infra/lab', 'infra/stack'] },
  { room: 'loadtest', mayImport: ['seckill-service/contract'] },
  { room: 'infra', mayImport: ['gateway', 'order-worker', 'loadtest', 'seckill-service'] },
];

const aliases = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { imports: Record<string, string> })
  .imports;

/** Tests and what serves only them may look anywhere. */
const isTest = (file: string) => /\.test\.ts$|^nginx-lua\/test\/|^infra\/acceptance\/|^infra\/lab\//.test(file);

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !isTest(file));
}

/** Where an import of `file` leads, from the root; null for packages and Node's own modules. */
function target(file: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return relative(root, resolve(root, dirname(file), specifier));
  for (const [alias, path] of Object.entries(aliases)) {
    const prefix = alias.slice(0, -1);
    if (specifier.startsWith(prefix)) return join(path.slice(0, -1), specifier.slice(prefix.length));
  }
  return null;
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, specifier = '']) => specifier);
  return specifiers.flatMap((specifier) => target(file, specifier) ?? []);
}

const isIn = (path: string, room: string) => path === room || path.startsWith(`${room}/`);

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

test('the walk sees imports at all, relative and by alias', () => {
  expect(importsOf('gateway/main.ts')).toContain('gateway/orders/start-orders.ts');
  expect(importsOf('gateway/main.ts')).toContain('seckill-service/contract/settings.ts');
});

test('node-zookeeper-client has one importer, process.env only the entries, Redis scripts two: the stock and what calls BullMQ', () => {
  const files = tops.flatMap(sources);
  const mentioning = (pattern: RegExp) => files.filter((file) => pattern.test(readFileSync(join(root, file), 'utf8')));
  expect(mentioning(/from 'node-zookeeper-client'/)).toEqual(['seckill-service/runtime/zookeeper.ts']);
  expect(mentioning(/\.defineCommand\(|\.eval(sha)?\(/)).toEqual([
    'seckill-service/runtime/bullmq-script.ts',
    'seckill-service/stock/load-scripts.ts',
  ]);
  const entries =
    /^infra\/cli\/(main|seckill|loadtest\/setup-k6)\.ts$|^infra\/(chaos|machines)\/run\.ts$|^loadtest\/bench\/main\.ts$|^infra\/stack\/daemon\.ts$|^seckill-service\/runtime\/main\.ts$/;
  expect(mentioning(/process\.env\b/).filter((file) => !entries.test(file))).toEqual([]);
});

test('of the command line only the entries touch the process: its commands get what they need by runCli, in tests too', () => {
  const touching = /\bprocess\.(env|argv|stdin|stdout|stderr|exit|exitCode|kill|on|once|off)\b/;
  const touched = ['infra/cli', 'infra/text', 'infra/sale-check']
    .flatMap(sources)
    .filter((file) => touching.test(readFileSync(join(root, file), 'utf8')));
  expect(touched.sort()).toEqual(['infra/cli/loadtest/setup-k6.ts', 'infra/cli/main.ts', 'infra/cli/seckill.ts']);
});
