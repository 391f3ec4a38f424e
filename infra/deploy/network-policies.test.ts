import { readdirSync, readFileSync } from 'node:fs';
import { BlockList, isIPv6 } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { deployDir, secretsDirectory } from '#lab/kits/process-settings.ts';

// What a network plugin would decide, for every address that the manifests, the secrets and edge.json name.

const dir = join(deployDir, 'kubernetes');
const cdcDir = join(deployDir, 'kubernetes-cdc');
const dataDir = join(deployDir, 'kubernetes-data');
const labelsSchema = z.record(z.string(), z.string());
const selectorSchema = z.strictObject({
  matchLabels: labelsSchema.default({}),
  matchExpressions: z
    .array(z.strictObject({ key: z.string(), operator: z.literal('In'), values: z.array(z.string()) }))
    .default([]),
});
const peerSchema = z.strictObject({
  podSelector: selectorSchema.optional(),
  namespaceSelector: selectorSchema.optional(),
  ipBlock: z.strictObject({ cidr: z.string(), except: z.array(z.string()).default([]) }).optional(),
});
const portsSchema = z.array(z.strictObject({ port: z.number(), protocol: z.string().optional() }));
const policySchema = z.strictObject({
  podSelector: selectorSchema,
  policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
  ingress: z.array(z.strictObject({ from: z.array(peerSchema).optional(), ports: portsSchema })).default([]),
  egress: z.array(z.strictObject({ to: z.array(peerSchema).optional(), ports: portsSchema })).default([]),
});

const thingsIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
    .flatMap((name) => parseAllDocuments(readFileSync(join(folder, name), 'utf8')))
    .map((document) =>
      z.looseObject({ kind: z.string(), metadata: z.object({ name: z.string() }) }).parse(document.toJS()),
    );
const things = [dir, cdcDir].flatMap(thingsIn);
const ofKind = (...kinds: string[]) => things.filter(({ kind }) => kinds.includes(kind));
const policiesOf = (of: typeof things) =>
  of.filter(({ kind }) => kind === 'NetworkPolicy').map(({ spec }) => policySchema.parse(spec));
/** By the namespace that they are of. */
const policies: Record<string, z.infer<typeof policySchema>[]> = {
  seckill: policiesOf(things),
  data: policiesOf(thingsIn(dataDir)),
};

/** One end of a connection: a pod of a namespace, or an address elsewhere. */
type End = { namespace: string; app?: string } | { ip: string };
const namespaceLabels: Record<string, Record<string, string>> = {
  traces: { 'seckill.traces': 'true' },
  monitoring: { 'seckill.metrics': 'true' },
};

/** A pod has the name of its workload, those of CloudNativePG the operator's own label. */
const labelsOf = (app: string): Record<string, string> =>
  app === 'postgres' ? { 'cnpg.io/cluster': 'postgres' } : { app };

const matches = ({ matchLabels, matchExpressions }: z.infer<typeof selectorSchema>, labels: Record<string, string>) =>
  Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
  matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''));

function within(ip: string, cidr: string): boolean {
  const [network = '', prefix] = cidr.split('/');
  if (isIPv6(ip) !== isIPv6(network)) return false; // a BlockList takes ::ffff:a.b.c.d for a.b.c.d
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), isIPv6(network) ? 'ipv6' : 'ipv4');
  return list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4');
}

/** `of`: the namespace of the policy. */
function isPeer(
  { podSelector, namespaceSelector, ipBlock }: z.infer<typeof peerSchema>,
  end: End,
  of: string,
): boolean {
  if ('ip' in end)
    return ipBlock !== undefined && within(end.ip, ipBlock.cidr) && !ipBlock.except.some((not) => within(end.ip, not));
  const { namespace, app = '' } = end;
  const labels = { 'kubernetes.io/metadata.name': namespace, ...namespaceLabels[namespace] };
  if (namespaceSelector === undefined ? namespace !== of : !matches(namespaceSelector, labels)) return false;
  return ipBlock === undefined && (podSelector === undefined || matches(podSelector, labelsOf(app)));
}

/** Whether `pod` may have the connection: nothing is refused to a pod that no policy of that direction chooses. */
function allows(direction: 'ingress' | 'egress', pod: End, other: End, port: number): boolean {
  if (!('app' in pod) || !(pod.namespace in policies)) return true;
  const type = direction === 'ingress' ? 'Ingress' : 'Egress';
  const choosing = (policies[pod.namespace] ?? []).filter(
    ({ podSelector, policyTypes }) => policyTypes.includes(type) && matches(podSelector, labelsOf(pod.app ?? '')),
  );
  const rules = choosing.flatMap((policy) =>
    direction === 'ingress'
      ? policy.ingress.map(({ from, ports }) => ({ peers: from, ports }))
      : policy.egress.map(({ to, ports }) => ({ peers: to, ports })),
  );
  const isAllowed = ({ peers, ports }: (typeof rules)[number]) =>
    ports.some((each) => each.port === port) && (peers?.some((peer) => isPeer(peer, other, pod.namespace)) ?? true);
  return choosing.length === 0 || rules.some(isAllowed);
}

const connects = (from: End, to: End, port: number) =>
  allows('egress', from, to, port) && allows('ingress', to, from, port);

const ours = (app: string): End => ({ namespace: 'seckill', app });
const data = (app: string): End => ({ namespace: 'data', app });
const internet: End = { ip: '203.0.113.7' };

const services = Object.fromEntries(
  ofKind('Service').map(({ metadata, spec }) => [
    metadata.name,
    z.object({ selector: z.object({ app: z.string() }) }).parse(spec).selector.app,
  ]),
);

const serverOf = (host: string) => /^([\w-]+?)(?:-\d+|-rw)?(?:\.[\w-]+)?\.data\.svc$/.exec(host)?.[1];

/** Where a name of a setting leads to; null when the cluster would not know it. */
function endOf(host: string): End | null {
  const app = services[host] ?? (/^edge-\d+\.edges$/.test(host) ? 'edge' : undefined);
  if (app !== undefined) return ours(app);
  const server = serverOf(host);
  if (server !== undefined) return { namespace: 'data', app: server };
  return host.endsWith('.example') ? internet : null;
}

/** Every `host:port` that a text names, by itself, in a list or in URLs. */
function addresses(text: string): { host: string; port: number }[] {
  // A Sentinel URL is a list of sentinels, and its name and options are no address.
  const [, sentinels = text] = /^redis\+sentinel:\/\/[^@]*@([^/]+)\//.exec(text) ?? [];
  return sentinels.split(',').flatMap((part) => {
    if (/^[a-z]+:\/\//.test(part)) {
      const { hostname, port, protocol } = new URL(part);
      return [{ host: hostname, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) }];
    }
    const [, host, port] = /^([\w.-]+):(\d+)$/.exec(part) ?? [];
    return host === undefined || /^[\d.]+$/.test(host) ? [] : [{ host, port: Number(port) }];
  });
}

const envSchema = z.array(z.object({ name: z.string(), value: z.string().optional() })).default([]);
const containerSchema = z.object({
  name: z.string(),
  env: envSchema,
  envFrom: z.array(z.unknown()).default([]),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })).default([]),
});
const podSchema = z.object({
  initContainers: z.array(containerSchema).default([]),
  containers: z.array(containerSchema),
  volumes: z.array(
    z.looseObject({
      name: z.string(),
      projected: z
        .object({
          sources: z.array(
            z.object({ secret: z.object({ items: z.array(z.object({ key: z.string() })).default([]) }) }),
          ),
        })
        .optional(),
    }),
  ),
});
const pods = ofKind('Deployment', 'StatefulSet', 'Job').map(({ metadata, spec }) => ({
  app: metadata.name,
  ...z.object({ template: z.object({ spec: podSchema }) }).parse(spec).template.spec,
}));
const settingsMap = z
  .object({ data: z.record(z.string(), z.string()) })
  .parse(ofKind('ConfigMap').find(({ metadata }) => metadata.name === 'settings')).data;

/** What no process connects to: `seckill sale check` of the ops pod goes to SECKILL_EDGE_CONNECT, and shoppers go to the public address. */
const isOnlyAName = (name: string) => name === 'SECKILL_EDGE_URL' || name === 'SECKILL_PUBLIC_URL';

test.each([
  ['one of each', false],
  ['with replicas', true],
] as const)(
  'each pod reaches what its settings, its secrets and edge.json name, by names that hold in its namespace: %s',
  (_, isHa) => {
    const secretsDir = secretsDirectory('network-policies', '.data.svc', isHa);
    const edgeFile = z
      .object({ serviceServers: z.array(z.string()), orderServers: z.array(z.string()), cacheRedis: z.string() })
      .parse(JSON.parse(readFileSync(join(dir, 'edge.json'), 'utf8')));
    const named = pods.flatMap(({ app, containers, initContainers, volumes }) => {
      const settings = [...initContainers, ...containers].flatMap(({ env, envFrom }) => [
        ...[
          ...env,
          ...(envFrom.length > 0 ? Object.entries(settingsMap).map(([name, value]) => ({ name, value })) : []),
        ]
          .filter(({ name }) => !isOnlyAName(name))
          .map(({ value = '' }) => value),
      ]);
      const keys = volumes.flatMap(({ projected }) => projected?.sources.flatMap(({ secret }) => secret.items) ?? []);
      const urls = keys
        .filter(({ key }) => key.endsWith('-url'))
        .map(({ key }) => readFileSync(join(secretsDir, key), 'utf8'));
      const edge =
        app === 'edge' ? [...edgeFile.serviceServers, ...edgeFile.orderServers, edgeFile.cacheRedis].join() : '';
      return [...settings, ...urls, edge].flatMap((text) => addresses(text.trim())).map((to) => ({ app, ...to }));
    });
    const refused = named.filter(({ app, host, port }) => {
      const end = endOf(host);
      return end === null || !connects(ours(app), end, port);
    });
    expect(refused).toEqual([]);
    expect([...new Set(named.map(({ app }) => app))].sort()).toEqual(pods.map(({ app }) => app).sort());
    const ofEdge = named.flatMap(({ app, host }) => (app === 'edge' ? [host] : []));
    const wanted = isHa ? ['stock-redis-2.stock-redis', 'postgres-rw'] : ['queue-redis', 'stock-redis', 'postgres'];
    for (const host of [...wanted, 'cache-redis']) expect(ofEdge).toContain(`${host}.data.svc`);
  },
);

test.each([
  ['a pod asks for names', ours('seckill-service'), { namespace: 'kube-system' }, 53, true],
  ['Prometheus reads the inner ports', { namespace: 'monitoring' }, ours('edge'), 9101, true],
  ['traces reach their collector', ours('order-worker'), { namespace: 'traces' }, 4318, true],
  ['a shopper reaches the edge', internet, ours('edge'), 8443, true],
  ['order-worker calls a subscriber', ours('order-worker'), { ip: '2606:4700::1' }, 443, true],
  ['the gateway reads the keys of the sign-in', ours('edge'), internet, 443, true],
  ['no pod reaches the metadata of the cloud', ours('order-worker'), { ip: '169.254.169.254' }, 443, false],
  ['nor by IPv6', ours('order-worker'), { ip: 'fd00:ec2::254' }, 443, false],
  ['nor by NAT64', ours('order-worker'), { ip: '64:ff9b::a9fe:a9fe' }, 443, false],
  ['nor by an IPv4 address in IPv6', ours('order-worker'), { ip: '::ffff:10.0.0.1' }, 443, false],
  ['a subscriber is no server of this network', ours('order-worker'), { ip: '10.1.2.3' }, 443, false],
  ['a subscriber is no other port', ours('order-worker'), internet, 25, false],
  ['a service of purchases calls no server outside', ours('seckill-service'), internet, 443, false],
  ['the command line calls no server outside', ours('ops'), internet, 443, false],
  ['the migration talks to PostgreSQL alone', ours('migrate'), data('stock-redis'), 6379, false],
  ['the data team’s process reaches the database', ours('cdc'), data('postgres'), 5432, true],
  ['and the brokers', ours('cdc'), { namespace: 'kafka' }, 9092, true],
  ['and no Redis', ours('cdc'), data('stock-redis'), 6379, false],
  ['and no server outside', ours('cdc'), internet, 443, false],
  ['Prometheus reads its inner port', { namespace: 'monitoring' }, ours('cdc'), 9100, true],
  ['its role is given by PostgreSQL alone', ours('cdc-role'), data('zookeeper'), 2181, false],
  ['inner ports are closed to other namespaces', { namespace: 'data' }, ours('seckill-service'), 9100, false],
  ['a service of purchases reaches no inner port', ours('seckill-service'), ours('order-worker'), 9100, false],
  ['a sentinel hears another one', data('stock-redis'), data('stock-redis'), 26_379, true],
  ['queue Redis asks the sentinels before it starts', data('queue-redis'), data('stock-redis'), 26_379, true],
  ['a replica follows its primary', data('stock-redis'), data('stock-redis'), 6379, true],
  ['a member of the ensemble hears another one', data('zookeeper'), data('zookeeper'), 3888, true],
  ['a standby follows its primary', data('postgres'), data('postgres'), 5432, true],
  ['the operator looks at its database', { namespace: 'cnpg-system' }, data('postgres'), 8000, true],
  ['a database is no way to Redis', data('postgres'), data('stock-redis'), 6379, false],
  ['Redis reaches nothing outside', data('stock-redis'), internet, 443, false],
  ['the elections of ZooKeeper are its own', ours('seckill-service'), data('zookeeper'), 3888, false],
  ['another namespace reaches no Redis', { namespace: 'billing' }, data('stock-redis'), 6379, false],
  ['another namespace is closed', ours('order-worker'), { namespace: 'billing' }, 5432, false],
] satisfies [string, End, End, number, boolean][])('%s', (_, from, to, port, wanted) => {
  expect(connects(from, to, port)).toBe(wanted);
});
