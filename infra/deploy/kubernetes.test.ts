import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import {
  checkout,
  configProblems,
  deployDir,
  secretsDirectory,
  secretsReadBy,
  withSecretsIn,
} from '#lab/kits/process-settings.ts';
import { readNginxLimits } from '../capacity/edge-limits.ts';
import { endings, type Role } from '../stack/plan/roles.ts';

const dir = join(deployDir, 'kubernetes');
const kustomizationSchema = z.object({
  namespace: z.literal('seckill'),
  resources: z.array(z.string()),
  images: z.array(z.object({ name: z.string(), newTag: z.string() })),
  configMapGenerator: z.array(z.object({ name: z.string(), files: z.array(z.string()) })).default([]),
});
/** All of the namespace `seckill`: what each shop runs, and what it may run beside that. */
const parts = [dir, join(deployDir, 'kubernetes-cdc')].map((of) => ({
  of,
  ...kustomizationSchema.parse(parse(readFileSync(join(of, 'kustomization.yaml'), 'utf8'))),
}));

const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) });
const container = z.object({
  name: z.string(),
  image: z.string(),
  restartPolicy: z.literal('Always').optional(),
  args: z.array(z.string()).default([]),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })).default([]),
  envFrom: z.array(z.object({ configMapRef: z.object({ name: z.string() }) })).default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  lifecycle: z
    .object({ preStop: z.object({ exec: z.object({ command: z.tuple([z.literal('sleep'), z.string()]) }) }) })
    .optional(),
  resources: z.object({
    requests: z.object({ cpu: z.string(), memory: z.string() }),
    limits: z.object({ memory: z.string() }),
  }),
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })).default([]),
});
/** 0440. Kubernetes reads YAML 1.1, where this is octal; the parser here reads 1.2. */
const mode = z.literal(440);
const keys = z.array(z.object({ key: z.string(), path: z.string() }));
/** Nothing mounts a Secret as a whole, but for those whose keys are all needed together. */
const secretVolume = {
  secret: z.strictObject({ secretName: z.string(), defaultMode: mode, items: keys.optional() }).optional(),
  projected: z
    .strictObject({
      defaultMode: mode,
      sources: z.array(z.strictObject({ secret: z.strictObject({ name: z.string(), items: keys.optional() }) })),
    })
    .optional(),
};
const keysOfSecrets: Record<string, string[]> = {
  'seckill-ticket-keys': ['ticket-keys'],
  'seckill-tls': ['tls.crt', 'tls.key'],
};
const podSpec = z.object({
  /** Or each Service would put variables beside the settings, named like them (SECKILL_SERVICE_PORT), which are refused. */
  enableServiceLinks: z.literal(false),
  terminationGracePeriodSeconds: z.number().default(30),
  securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.number().min(1) }),
  initContainers: z.array(container).default([]),
  containers: z.array(container).min(1),
  volumes: z.array(z.object({ name: z.string(), ...secretVolume })).default([]),
});
const thing = z.looseObject({ kind: z.string(), metadata: z.object({ name: z.string() }) });

const things = parts
  .flatMap(({ of, resources }) => resources.flatMap((name) => parseAllDocuments(readFileSync(join(of, name), 'utf8'))))
  .map((document) => {
    expect(document.errors).toEqual([]);
    return thing.parse(document.toJS());
  });
const ofKind = (...kinds: string[]) => things.filter(({ kind }) => kinds.includes(kind));
const podsOf = ({ metadata, spec }: z.infer<typeof thing>) => ({
  name: metadata.name,
  labels: z
    .object({ template: z.object({ metadata: z.object({ labels: z.record(z.string(), z.string()) }) }) })
    .parse(spec).template.metadata.labels,
  ...z.object({ template: z.object({ spec: podSpec }) }).parse(spec).template.spec,
});
const pods = ofKind('Deployment', 'StatefulSet', 'Job').map(podsOf);
const containers = pods.flatMap((pod) => [...pod.initContainers, ...pod.containers].map((each) => ({ pod, ...each })));
const settingsMap = z
  .object({ data: z.record(z.string(), z.string()) })
  .parse(ofKind('ConfigMap').find(({ metadata }) => metadata.name === 'settings')).data;

let secretsDir: string;
beforeAll(() => {
  secretsDir = secretsDirectory('kubernetes');
});

test('every manifest is part of the kustomization, and every file that it names exists', () => {
  for (const { of, resources, configMapGenerator } of parts) {
    const files = readdirSync(of).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
    expect([...resources].sort()).toEqual(files.sort());
    for (const name of configMapGenerator.flatMap((each) => each.files))
      expect([name, existsSync(join(of, name))]).toEqual([name, true]);
  }
  const names = things.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  expect(names).toEqual([...new Set(names)]);
});

test('our images and no others, each with its version in the kustomization, the same in all', () => {
  const [{ images } = { images: [] }, ...others] = parts;
  for (const other of others) expect(images).toEqual(expect.arrayContaining(other.images));
  const ours = images.map(({ name }) => name);
  expect(containers.filter(({ image }) => !ours.includes(image)).map(({ name }) => name)).toEqual([]);
});

test('nginx has memory for all its connections while they are idle, and for the worst of one address', async () => {
  const nginxOf = (name: string) => readFileSync(join(checkout, 'nginx-lua', name), 'utf8');
  const { connectionsPerWorker, sharedMemoryMb } = await readNginxLimits();
  const { workers } = z.object({ workers: z.number() }).parse(JSON.parse(readFileSync(join(dir, 'edge.json'), 'utf8')));
  const streams = Number(/http2_max_concurrent_streams (\d+);/.exec(nginxOf('conf.d/listen-tls.conf.template'))?.[1]);
  const nftables = readFileSync(join(deployDir, 'nftables.d/seckill.nft'), 'utf8');
  const ofOneAddress = Number(/ct count over (\d+)/.exec(nftables)?.[1]);
  // Measured on nginx 1.22.1: KB of an idle connection over TLS, and of a stream that is not read.
  const megabytes = (workers * connectionsPerWorker * 27 + ofOneAddress * streams * 142) / 1024 + sharedMemoryMb;
  const limit = containers.find(({ name }) => name === 'nginx')?.resources.limits.memory;
  expect(limit).toMatch(/^\d+Gi$/);
  expect(Number.parseInt(limit ?? '', 10) * 1024).toBeGreaterThan(megabytes);
});

test('every process starts with the settings that it is given, its secrets out of files', () => {
  const checked: string[] = [];
  for (const { name, args, env, envFrom, pod } of containers) {
    const program = args[0] === '-e' ? 'cli' : args.join(' ');
    if (program === '' || program.includes('edge render')) continue;
    const own = Object.fromEntries(env.map((each) => [each.name, each.value ?? `${pod.name}-0`]));
    const environment = { ...(envFrom.length > 0 ? settingsMap : {}), ...own };
    const problems = configProblems(program, withSecretsIn(environment, '/run/secrets/seckill', secretsDir));
    expect([name, problems]).toEqual([name, []]);
    expect([
      name,
      Object.values(environment).filter(
        (value) =>
          value.startsWith('/run/secrets/seckill/') && !existsSync(value.replace('/run/secrets/seckill', secretsDir)),
      ),
    ]).toEqual([name, []]);
    checked.push(name);
  }
  expect(checked.sort()).toEqual(['cdc', 'cdc-role', 'gateway', 'migrate', 'ops', 'order-worker', 'seckill-service']);
});

test('a container has the secrets that it reads and no other, and each is one that make-secrets.sh makes', () => {
  const edgeJson = readFileSync(join(dir, 'edge.json'), 'utf8');
  const counts: Record<string, number> = {};
  for (const { name, args, env, envFrom, pod, volumeMounts } of containers) {
    const mounted = volumeMounts.flatMap(({ name: volumeName, mountPath }) => {
      const { secret, projected } = pod.volumes.find((volume) => volume.name === volumeName) ?? {};
      const sources = [
        ...(projected?.sources.map((source) => source.secret) ?? []),
        ...(secret === undefined ? [] : [{ name: secret.secretName, items: secret.items }]),
      ];
      return sources.flatMap((source) => {
        const all = keysOfSecrets[source.name]?.map((key) => ({ key, path: key }));
        const items = source.items ?? all ?? [{ key: source.name, path: 'as a whole' }];
        expect([name, items.filter(({ key }) => !existsSync(join(secretsDir, key)))]).toEqual([name, []]);
        return items.map(({ path }) => `${mountPath}/${path}`);
      });
    });
    const own = Object.fromEntries(env.map((each) => [each.name, each.value ?? '']));
    const environment = { ...(envFrom.length > 0 ? settingsMap : {}), ...own };
    const program = args[0] === '-e' ? 'cli' : args.join(' ');
    const read =
      program === ''
        ? [...edgeJson.matchAll(/"(\/run\/secrets\/[^"]+)"/g)].map(([, path = '']) => path)
        : secretsReadBy(program, environment, '/run/secrets').map((path) => `/run/secrets/${path}`);
    expect([name, mounted.sort()]).toEqual([name, read.sort()]);
    counts[name] = read.length;
  }
  expect(counts).toMatchObject({ render: 0, migrate: 1, 'cdc-role': 2, cdc: 2, nginx: 4, 'seckill-service': 5 });
});

test('ops and order-worker have the address that shoppers see, ops the folder of the shop, too', () => {
  expect(settingsMap.SECKILL_PUBLIC_URL).toMatch(/^https:/);
  const { env = [], volumeMounts = [] } = containers.find(({ name }) => name === 'ops') ?? {};
  const folder = env.find(({ name }) => name === 'SECKILL_BRAND_DIR')?.value;
  expect(volumeMounts).toContainEqual({ name: 'brand', mountPath: folder });
  for (const { env: own } of containers) {
    const names = own.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  }
});

test('what is mounted is a volume of the pod, and the programs exist', () => {
  for (const { name, pod, volumeMounts, args } of containers) {
    const volumes = pod.volumes.map((volume) => volume.name);
    expect([name, volumeMounts.filter((mount) => !volumes.includes(mount.name))]).toEqual([name, []]);
    const programs = args.filter((word) => word.endsWith('.ts'));
    expect([name, programs.filter((program) => !existsSync(join(checkout, program)))]).toEqual([name, []]);
  }
});

test('whoever serves is asked whether it lives and whether it is ready, on its inner port', () => {
  const edgeFile = z
    .object({ innerListen: z.string() })
    .parse(JSON.parse(readFileSync(join(dir, 'edge.json'), 'utf8')));
  const inner: Record<string, string | undefined> = {
    nginx: edgeFile.innerListen,
    gateway: settingsMap.SECKILL_INNER_LISTEN,
  };
  const serving = containers.filter(({ ports }) => ports.length > 0);
  expect(serving.map(({ name }) => name).sort()).toEqual([
    'cdc',
    'gateway',
    'nginx',
    'order-worker',
    'seckill-service',
  ]);
  for (const { name, ports, livenessProbe, readinessProbe } of serving) {
    const port = Number((inner[name] ?? settingsMap.SECKILL_INNER_LISTEN)?.split(':')[1]);
    const called = ports.find(({ containerPort }) => containerPort === port)?.name;
    expect([name, livenessProbe?.httpGet]).toEqual([name, { path: '/healthz', port: called }]);
    expect([name, readinessProbe?.httpGet]).toEqual([name, { path: '/readyz', port: called }]);
  }
});

test('a pod may take as long to stop as its processes need in the local stack, after its wait', () => {
  const roles: Record<string, Role[]> = {
    edge: ['edge', 'gateway'], // one after the other: the sidecar goes last
    'seckill-service': ['seckill-service'],
    'order-worker': ['order-worker'],
    cdc: ['cdc'],
  };
  for (const [name, inIt] of Object.entries(roles)) {
    const pod = pods.find((each) => each.name === name);
    const wait = Math.max(
      ...(pod?.containers ?? []).map(({ lifecycle }) => Number(lifecycle?.preStop.exec.command[1] ?? 0)),
    );
    const needed = inIt.flatMap((role) => endings[role].steps).reduce((sum, { withinMs }) => sum + withinMs / 1000, 0);
    // No service leads to it: nothing is still being sent.
    expect([name, wait > 0]).toEqual([name, name !== 'cdc']);
    expect([name, (pod?.terminationGracePeriodSeconds ?? 0) >= wait + needed]).toEqual([name, true]);
  }
});

test('every process that serves has a disruption budget and an autoscaler of its own', () => {
  const targets = ofKind('HorizontalPodAutoscaler').map(({ spec }) =>
    z
      .object({ scaleTargetRef: z.object({ kind: z.string(), name: z.string() }), minReplicas: z.number().min(2) })
      .parse(spec),
  );
  const budgets = ofKind('PodDisruptionBudget').map(({ spec }) =>
    z.object({ selector: z.object({ matchLabels: z.object({ app: z.string() }) }) }).parse(spec),
  );
  // One of it leads: more of them would do no more.
  expect(budgets.map(({ selector }) => selector.matchLabels.app)).toContain('cdc');
  for (const name of ['edge', 'order-worker', 'seckill-service']) {
    const kind = ofKind('Deployment', 'StatefulSet').find(({ metadata }) => metadata.name === name)?.kind;
    expect(targets.map(({ scaleTargetRef }) => scaleTargetRef)).toContainEqual(expect.objectContaining({ kind, name }));
    expect(budgets.map(({ selector }) => selector.matchLabels.app)).toContain(name);
  }
});

test('inner ports are open to nobody outside: not by a service of the load balancer, not by a network policy', () => {
  const innerPorts = [9100, 9101];
  const policies = ofKind('NetworkPolicy').map(({ spec }) =>
    z
      .object({
        podSelector: z.looseObject({}),
        ingress: z
          .array(z.object({ from: z.array(z.unknown()).optional(), ports: z.array(z.object({ port: z.number() })) }))
          .default([]),
      })
      .parse(spec),
  );
  expect(
    policies.some(({ podSelector, ingress }) => Object.keys(podSelector).length === 0 && ingress.length === 0),
  ).toBe(true);
  const toAll = policies.flatMap(({ ingress }) => ingress.filter(({ from }) => from === undefined));
  expect(toAll.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual([8080, 8443]);
  expect(toAll.flatMap(({ ports }) => ports).some(({ port }) => innerPorts.includes(port))).toBe(false);
  const outside = ofKind('Service').filter(
    ({ spec }) => z.looseObject({ type: z.string().optional() }).parse(spec).type !== undefined,
  );
  expect(outside.map(({ metadata }) => metadata.name)).toEqual(['edge']);
  expect(JSON.stringify(outside)).not.toContain('inner');
});

test('an autoscaler and a budget choose pods that exist, and a service too', () => {
  const apps = pods.map(({ labels }) => labels.app);
  for (const { metadata, spec } of ofKind('Service')) {
    const { selector } = z.object({ selector: z.object({ app: z.string() }) }).parse(spec);
    expect([metadata.name, apps.includes(selector.app)]).toEqual([metadata.name, true]);
  }
});
