import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { settings, stockReplicas } from '#contract/settings.ts';
import { deployDir, secretsDirectory } from '#lab/kits/process-settings.ts';
import { readConfig } from '#runtime/config.ts';
import { redisPlaceOf } from '#runtime/redis/place.ts';

// The servers with replicas. What it cannot tell without a cluster: whether they find each other there (docs/deploy.md).

const dir = join(deployDir, 'kubernetes-data');
const kustomize = z.object({
  namespace: z.string().optional(),
  resources: z.array(z.string()).default([]),
  configMapGenerator: z.array(z.object({ name: z.string(), files: z.array(z.string()) })).default([]),
});
const readKustomization = (of: string) => kustomize.parse(parse(readFileSync(join(of, 'kustomization.yaml'), 'utf8')));
const kustomization = readKustomization(dir);
const folders = kustomization.resources.filter((name) => !name.endsWith('.yaml')).map((name) => join(dir, name));
const configMaps = Object.fromEntries(
  folders.flatMap((folder) =>
    readKustomization(folder).configMapGenerator.map(({ name, files }) => [
      name,
      files.map((file) => join(folder, file)),
    ]),
  ),
);

const thing = z.looseObject({
  kind: z.string(),
  metadata: z.object({ name: z.string() }),
  spec: z.unknown().optional(),
});
const documentsOf = (name: string) =>
  parseAllDocuments(readFileSync(join(dir, name), 'utf8')).map((document) => {
    expect([name, document.errors]).toEqual([name, []]);
    return thing.parse(document.toJS());
  });
const things = kustomization.resources.filter((name) => name.endsWith('.yaml')).flatMap(documentsOf);
const ofKind = (...kinds: string[]) => things.filter(({ kind }) => kinds.includes(kind));

const secretItems = z.array(z.object({ key: z.string(), path: z.string() }));
const container = z.object({
  name: z.string(),
  image: z.string().regex(/:\d+\.\d+\.\d+/),
  command: z.array(z.string()),
  restartPolicy: z.literal('Always').optional(),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })).default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
  resources: z.object({
    requests: z.object({ cpu: z.string(), memory: z.string() }),
    limits: z.object({ memory: z.string() }),
  }),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  readinessProbe: z.looseObject({}),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string(), subPath: z.string().optional() })),
});
const podSpec = z.object({
  enableServiceLinks: z.literal(false),
  securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.number().min(1) }),
  affinity: z
    .object({
      podAntiAffinity: z.object({
        requiredDuringSchedulingIgnoredDuringExecution: z.tuple([
          z.object({
            topologyKey: z.literal('kubernetes.io/hostname'),
            labelSelector: z.object({ matchLabels: z.object({ app: z.string() }) }),
          }),
        ]),
      }),
    })
    .optional(),
  initContainers: z.array(container).default([]),
  containers: z.array(container).min(1),
  volumes: z.array(
    z.object({
      name: z.string(),
      configMap: z.object({ name: z.string() }).optional(),
      projected: z
        .object({
          sources: z.array(
            z.object({
              configMap: z.object({ name: z.string() }).optional(),
              secret: z.object({ name: z.literal('seckill-data'), items: secretItems }).optional(),
            }),
          ),
        })
        .optional(),
    }),
  ),
});
const workload = z.object({
  replicas: z.number(),
  serviceName: z.string().optional(),
  podManagementPolicy: z.string().optional(),
  template: z.object({ metadata: z.object({ labels: z.object({ app: z.string() }) }), spec: podSpec }),
  volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) })).default([]),
});
const workloads = ofKind('StatefulSet', 'Deployment').map(({ kind, metadata, spec }) => ({
  kind,
  name: metadata.name,
  ...workload.parse(spec),
}));
const replicated = workloads.filter(({ kind }) => kind === 'StatefulSet');
const containersOf = ({ template }: (typeof workloads)[number]) => [
  ...template.spec.initContainers,
  ...template.spec.containers,
];
const environmentOf = ({ env }: z.infer<typeof container>) =>
  Object.fromEntries(env.map(({ name, value }) => [name, value ?? '']));
const secretsDir = secretsDirectory('kubernetes-data', '.data.svc', true);

test('every manifest is part of the kustomization but the operator’s, and every file of a config map exists', () => {
  const files = readdirSync(dir).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
  const parts = kustomization.resources.filter((name) => name.endsWith('.yaml'));
  expect([...parts, 'postgres.yaml'].sort()).toEqual(files.sort());
  expect(kustomization.namespace).toBe('data');
  const missing = Object.values(configMaps).flatMap((paths) => paths.filter((path) => !existsSync(path)));
  expect(missing).toEqual([]);
});

test('three stock Redis, two queue Redis, three ZooKeeper: each on a node of its own, one away at a time, all started at once', () => {
  expect(replicated.map(({ name, replicas }) => [name, replicas])).toEqual([
    ['stock-redis', 3],
    ['queue-redis', 2],
    ['zookeeper', 3],
  ]);
  const budgets = ofKind('PodDisruptionBudget').map(({ metadata, spec }) => [metadata.name, spec]);
  for (const { name, serviceName, podManagementPolicy, template } of replicated) {
    const labels = { matchLabels: { app: name } };
    expect([name, template.metadata.labels.app, serviceName]).toEqual([name, name, name]);
    // One after the other, the first would wait for ever for what the sentinels of the others say.
    expect([name, podManagementPolicy]).toEqual([name, 'Parallel']);
    const [apart] = template.spec.affinity?.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    expect([name, apart?.labelSelector]).toEqual([name, labels]);
    expect(budgets).toContainEqual([name, { maxUnavailable: 1, selector: labels }]);
    const service = ofKind('Service').find(({ metadata }) => metadata.name === name);
    expect([name, service?.spec]).toEqual([
      name,
      expect.objectContaining({ clusterIP: 'None', publishNotReadyAddresses: true, selector: { app: name } }),
    ]);
  }
});

test('exactly one sentinel is beside each stock Redis, there before it; every Redis asks all three before it starts', () => {
  const all = workloads.flatMap((each) => containersOf(each).map((it) => ({ workload: each, ...it })));
  const sentinels = all.filter(({ command }) => command.join(' ').includes('/sentinel.sh'));
  expect(sentinels.map(({ workload: { name }, restartPolicy }) => [name, restartPolicy])).toEqual([
    ['stock-redis', 'Always'],
  ]);
  expect(workloads.find(({ name }) => name === 'stock-redis')?.template.spec.initContainers).toHaveLength(1);
  const places = [0, 1, 2].map((number) => `stock-redis-${number}.stock-redis.data.svc:26379`);
  const nodes = all.filter(({ command }) => command.join(' ').includes('/node.sh'));
  expect(nodes.map(({ workload: { name } }) => name)).toEqual(['stock-redis', 'queue-redis']);
  for (const each of [...sentinels, ...nodes]) expect(environmentOf(each).SENTINELS?.split(' ')).toEqual(places);
  for (const {
    env,
    workload: { name },
  } of nodes) {
    const own = Object.fromEntries(env.map((it) => [it.name, it.value]));
    expect(own.REDIS_ADDRESS).toBe(`$(POD_NAME).${name}.data.svc`);
    expect(name).toBe(`${own.REDIS_NAME}-redis`);
  }
  for (const name of ['node.sh', 'sentinel.sh', 'ask-sentinels.sh', 'redis.sh', 'redis-under-sentinels.sh'])
    expect([...(configMaps['redis-files'] ?? []), ...(configMaps['redis-start'] ?? [])].join()).toContain(`/${name}`);
});

test('the settings of our processes name these servers, and a yes waits for one replica', () => {
  const read = (name: string) => readFileSync(join(secretsDir, name), 'utf8').trim();
  const config = readConfig(settings, ['SECKILL_STOCK_REDIS_URL', 'SECKILL_STOCK_REPLICAS'], {
    SECKILL_STOCK_REDIS_URL: read('stock-redis-url'),
  });
  expect(stockReplicas(config)).toBe(1);
  for (const name of ['stock', 'queue']) {
    const place = redisPlaceOf(read(`${name}-redis-url`));
    const sentinels = [0, 1, 2].map((number) => ({
      host: `stock-redis-${number}.stock-redis.data.svc`,
      port: 26_379,
    }));
    expect(place).toMatchObject({ kind: 'sentinel', name, sentinels, password: read(`${name}-redis-password`) });
    expect(place).toMatchObject({ sentinelPassword: read('sentinel-password') });
  }
  const [cluster] = documentsOf('postgres.yaml');
  expect(new URL(read('database-url')).hostname).toBe(`${cluster?.metadata.name}-rw.data.svc`);
});

test('a container has the secrets that it reads and no other', () => {
  for (const each of workloads) {
    for (const { name, command, env, volumeMounts } of containersOf(each)) {
      const volumes = each.template.spec.volumes.filter((volume) =>
        volumeMounts.some((mount) => mount.name === volume.name),
      );
      const sources = volumes.flatMap(({ projected, configMap }) => projected?.sources ?? [{ configMap }]);
      const keys = sources.flatMap(({ secret }) => secret?.items.map(({ key }) => key) ?? []);
      expect([name, keys.filter((key) => !existsSync(join(secretsDir, key)))]).toEqual([name, []]);
      const [config] = command.flatMap((word) => /^\/etc\/seckill\/(.+)$/.exec(word)?.slice(1) ?? []);
      const text = config === undefined ? '' : readFileSync(join(deployDir, 'redis', config), 'utf8');
      const told = `${text} ${env.map(({ value = '' }) => value).join(' ')}`;
      const read = [...told.matchAll(/\/run\/secrets\/(?:seckill\/)?([\w.-]+)/g)].map(([, key = '']) => key);
      expect([each.name, name, [...new Set(keys)].sort()]).toEqual([each.name, name, [...new Set(read)].sort()]);
      const claims = each.volumeClaimTemplates.map(({ metadata }) => metadata.name);
      const known = [...each.template.spec.volumes.map((volume) => volume.name), ...claims];
      expect([name, volumeMounts.filter((mount) => !known.includes(mount.name))]).toEqual([name, []]);
      const maps = sources.flatMap(({ configMap }) => (configMap === undefined ? [] : [configMap.name]));
      expect([name, maps.filter((map) => !(map in configMaps))]).toEqual([name, []]);
    }
  }
});

test('the members of the ensemble are its pods, and PostgreSQL never goes on with a single copy', () => {
  const text = readFileSync(join(deployDir, 'zookeeper/zoo-kubernetes.cfg'), 'utf8');
  const servers = [0, 1, 2].map((number) => `server.${number + 1}=zookeeper-${number}.zookeeper:2888:3888`);
  expect(text.match(/^server\..*$/gm)).toEqual(servers);
  const ensemble = readFileSync(join(deployDir, 'zookeeper/zoo-ensemble.cfg'), 'utf8');
  const common = (from: string) => from.split('\n').filter((line) => !line.startsWith('server.'));
  expect(common(text)).toEqual(common(ensemble));
  const cdcUser = new URL(readFileSync(join(secretsDir, 'cdc-database-url'), 'utf8').trim()).username;
  expect(documentsOf('postgres.yaml')).toEqual([
    expect.objectContaining({
      kind: 'Cluster',
      spec: expect.objectContaining({
        instances: 3,
        // The role that `seckill migrate` then gives the tables (infra/migrations/cdc-role.ts).
        managed: {
          roles: [expect.objectContaining({ name: cdcUser, login: true, replication: true, inRoles: ['pg_monitor'] })],
        },
        postgresql: expect.objectContaining({
          synchronous: { method: 'any', number: 1, dataDurability: 'required' },
        }),
      }),
    }),
  ]);
});
