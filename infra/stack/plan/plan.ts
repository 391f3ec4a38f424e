import { join } from 'node:path';
import { type CdcSinkName, cdcNames } from '#contract/cdc.ts';
import { cdcSinkSettings, type SettingName } from '#contract/settings.ts';
import { requireProgram } from '../host/binaries.ts';
import { childEnvironment, type Environment } from '../host/launch.ts';
import { checkoutDir, type RunDirectory } from '../host/run-directory.ts';
import { type KnownSecrets, type Secrets, ticketKeysFile } from './secrets.ts';
import {
  type Faces,
  type KeptRole,
  keptRoles,
  primaryNames,
  type RedisRole,
  type Server,
  serverNames,
  serverPortNames,
  stockReplicas,
} from './servers.ts';

export type Settings = Readonly<Partial<Record<SettingName, string>>>;

export const defaultEdgePort = 8080;
export const maxServices = 16;
export const maxEdges = 4;

/** What one stack is made with: its directory, ports and secrets, and the addresses that follow from them. */
export type StackPlan<Known extends KnownSecrets = Secrets> = {
  checkout: string;
  dir: RunDirectory;
  secrets: Known;
  /** Each server that is not ours more than once. */
  ha: boolean;
  /** Where the changes of the order tables go; null: no process reads them. */
  cdc: CdcSinkName | null;
  services: number;
  /** The first is the one that everybody uses; the others are for rehearsals and tests of several edges. */
  edges: readonly EdgePlan[];
  edgePort: number;
  /** What each process inherits: the caller's environment without SECKILL_* names. */
  baseEnvironment: Readonly<Record<string, string>>;
  /** Settings of our own processes that are not to have their defaults. */
  settings: Settings;
  searchPath: string;
  zookeeperClasspath: string | undefined;
  /** The private port of that name. */
  port: (name: string) => number;
  program: (name: string) => string;
  /** The servers of a role, at least one; no sentinel without `ha`. */
  servers: (role: KeptRole) => Server[];
  /** As clients are told: the place of the server, or of the sentinels that know it. */
  redisUrl: (role: RedisRole) => string;
  zookeeper: string;
  /** As clients are told: every server in one URL; `on` is one of them alone. */
  databaseUrl: (database?: string, on?: Pick<Server, 'port'>) => string;
  /** The same by the role that reads for the data team; null in a stack of a version that had none. */
  cdcDatabaseUrl: string | null;
  edgeUrl: string;
  paymentUrl: string;
};

/** An edge: an nginx, and the gateway that is its agent and serves what it passes on. */
export type EdgePlan = {
  /** Of the nginx process and its log. */
  name: string;
  edgeId: string;
  /** Name of its gateway's process. */
  gateway: string;
  /** `host:port`: the public address, and the inner one. */
  listen: string;
  innerListen: string;
  agentSocket: string;
  configDir: string;
};

export { checkoutDir };

export const instances = {
  services: (count: number) => Array.from({ length: count }, (_, i) => `service-${i + 1}`),
  gateways: (count: number) => Array.from({ length: count }, (_, i) => `gateway-${i + 1}`),
  worker: 'worker-1',
  cdc: 'cdc-1',
  /** The first is called by its role alone. */
  edges: (count: number) => Array.from({ length: count }, (_, i) => (i === 0 ? 'edge' : `edge-${i + 1}`)),
  paymentSandbox: 'payment-sandbox-1',
} as const;

/** Our own processes that stand on the four servers, by name. */
export const nodeProcessNames = ({ services, edges, cdc = null }: Counts): string[] => [
  ...instances.services(services),
  ...instances.gateways(edges),
  instances.worker,
  ...(cdc === null ? [] : [instances.cdc]),
];

/** How many of each a stack has. */
export type Counts = { services: number; edges: number; ha?: boolean; cdc?: CdcSinkName | null };

/** Every private port of a stack, by name. `edge` is among them when any free port will do for it. */
export const portNames = (counts: Counts): string[] => {
  const [first, ...others] = instances.edges(counts.edges);
  return [
    ...keptRoles.flatMap((role) => serverPortNames(role, counts.ha ?? false)),
    `${first}-inner`,
    ...others.flatMap((name) => [name, `${name}-inner`]),
    ...nodeProcessNames({ ...counts, cdc: 'files' }), // its port stays its own when it is left out
    instances.paymentSandbox,
    'payment-api',
  ];
};

export function makePlan<Known extends KnownSecrets>(options: {
  dir: RunDirectory;
  secrets: Known;
  ha?: boolean;
  cdc?: CdcSinkName | null;
  services: number;
  edges: number;
  edgePort: number;
  ports: Readonly<Record<string, number>>;
  /** By the name of a server, what it announces instead of its own port. */
  faces?: Faces;
  environment: Environment;
  settings?: Settings;
}): StackPlan<Known> {
  const {
    dir,
    secrets,
    ha = false,
    cdc = null,
    services,
    edges,
    edgePort,
    ports,
    faces,
    environment,
    settings = {},
  } = options;
  const searchPath = environment.PATH ?? '/usr/local/bin:/usr/bin:/bin';
  const port = (name: string): number => {
    const found = ports[name];
    if (found === undefined) throw new Error(`no port is planned for ${name}`);
    return found;
  };
  const faceOf = (name: string) => faces?.[name] ?? { port: port(name), source: null };
  const servers = (role: KeptRole): Server[] =>
    serverNames(role, ha).map((name) => ({ role, name, port: port(name), face: faceOf(name) }));
  const places = (of: readonly Server[]): string => of.map(({ face }) => `127.0.0.1:${face.port}`).join(',');
  return {
    checkout: checkoutDir,
    dir,
    secrets,
    ha,
    cdc,
    services,
    edges: instances.edges(edges).map((name, index) => ({
      name,
      edgeId: `edge-${index + 1}`,
      gateway: `gateway-${index + 1}`,
      listen: `127.0.0.1:${index === 0 ? edgePort : port(name)}`,
      innerListen: `127.0.0.1:${port(`${name}-inner`)}`,
      agentSocket: dir.socket(index === 0 ? 'agent' : `agent-${index + 1}`),
      configDir: index === 0 ? dir.edgeConfig : join(dir.config, name),
    })),
    edgePort,
    baseEnvironment: childEnvironment(environment),
    settings,
    searchPath,
    zookeeperClasspath: environment.SECKILL_ZOOKEEPER_CLASSPATH,
    port,
    program: (name) => requireProgram(name, searchPath, javaHome(name, environment)),
    servers,
    redisUrl: (role) => {
      const user = login('', secrets.redisPasswords[role]);
      if (!ha) return `redis://${user}${places(servers(role))}`;
      const sentinels = places(servers('sentinel'));
      return `redis+sentinel://${user}${sentinels}/${primaryNames[role]}?sentinelPassword=${secrets.sentinelPassword}`;
    },
    zookeeper: places(servers('zookeeper')),
    databaseUrl: (database = 'seckill', on) =>
      databaseAt(
        login('seckill', secrets.databasePassword),
        on === undefined ? places(servers('postgres')) : `127.0.0.1:${on.port}`,
        database,
      ),
    cdcDatabaseUrl:
      secrets.cdcPassword === null
        ? null
        : databaseAt(login(cdcNames.role, secrets.cdcPassword), places(servers('postgres')), 'seckill'),
    edgeUrl: `http://127.0.0.1:${edgePort}`,
    paymentUrl: `http://127.0.0.1:${port('payment-api')}`,
  };
}

/** The caller's PGSSLMODE is for other servers. */
const databaseAt = (user: string, hosts: string, database: string) =>
  `postgres://${user}${hosts}/${database}?sslmode=disable`;

/** Where the files of the data team are, unless it was said. */
export const cdcDir = ({ dir, settings }: Pick<StackPlan<KnownSecrets>, 'dir' | 'settings'>): string =>
  settings.SECKILL_CDC_DIR ?? join(dir.root, 'cdc');

/** The sink of the process that reads for the data team, as it is told of it. */
export function cdcSink(plan: StackPlan<KnownSecrets>): Settings {
  const { cdc, settings } = plan;
  if (cdc === null) return {};
  if (cdc === 'files') return { SECKILL_CDC_SINK: cdc, SECKILL_CDC_DIR: cdcDir(plan) };
  const names = [...cdcSinkSettings.kafka, 'SECKILL_CDC_KAFKA_URL_FILE'] as const;
  return {
    SECKILL_CDC_SINK: cdc,
    ...Object.fromEntries(names.flatMap((name) => (settings[name] === undefined ? [] : [[name, settings[name]]]))),
  };
}

/** What stands before a URL's host. */
function login(user: string, password: string | null): string {
  if (password !== null) return `${user}:${password}@`;
  return user === '' ? '' : `${user}@`;
}

function javaHome(name: string, environment: Environment): string[] {
  const home = environment.JAVA_HOME;
  return name === 'java' && home !== undefined && home !== '' ? [join(home, 'bin')] : [];
}

/** What our processes are told beside the address of stock Redis. */
export const replicaSettings = ({ ha }: Pick<StackPlan, 'ha'>): Settings =>
  ha ? { SECKILL_STOCK_REPLICAS: String(stockReplicas) } : {};

type ClientEnvironment = Partial<Record<SettingName, string>> & Record<string, string>;

/**
 * The settings that the CLI, tests and load generators need to reach everything. Holds secrets; a secret that the stack
 * does not have is left out.
 */
export function clientEnvironment(plan: StackPlan<KnownSecrets>): ClientEnvironment {
  const { secrets } = plan;
  const all = {
    SECKILL_RUN_DIR: plan.dir.root,
    SECKILL_STOCK_REDIS_URL: plan.redisUrl('stock-redis'),
    ...replicaSettings(plan),
    SECKILL_QUEUE_REDIS_URL: plan.redisUrl('queue-redis'),
    SECKILL_ZOOKEEPER: plan.zookeeper,
    SECKILL_ZOOKEEPER_AUTH: secrets.zookeeperAuth,
    SECKILL_DATABASE_URL: plan.databaseUrl(),
    SECKILL_CDC_DATABASE_URL: plan.cdcDatabaseUrl,
    ...cdcSink(plan),
    SECKILL_TICKET_KEYS_FILE: ticketKeysFile(plan.dir),
    SECKILL_SESSION_SECRET: secrets.sessionSecret,
    SECKILL_CHALLENGE_SECRET: secrets.challengeSecret,
    SECKILL_EDGE_URL: plan.edgeUrl,
    SECKILL_EDGE_URLS: plan.edges.map(({ listen }) => `http://${listen}`).join(','),
    SECKILL_EDGE_INNER_URL: plan.edges.map(({ innerListen }) => `http://${innerListen}`).join(','),
    SECKILL_PAGES_DIR: plan.dir.pages,
    SECKILL_PUBLIC_URL: plan.settings.SECKILL_PUBLIC_URL ?? plan.edgeUrl,
    SECKILL_BRAND_DIR: plan.settings.SECKILL_BRAND_DIR ?? null,
    SECKILL_SIGN_IN_URL: plan.settings.SECKILL_SIGN_IN_URL ?? null,
    SECKILL_SIGN_IN_COOKIE: plan.settings.SECKILL_SIGN_IN_COOKIE ?? null,
    SECKILL_PAYMENT_URL: plan.paymentUrl,
    SECKILL_PAYMENT_API_KEY: secrets.paymentApiKey,
    SECKILL_PAYMENT_WEBHOOK_SECRET: secrets.paymentWebhookSecret,
    SECKILL_HAND_OVER_SECRET: secrets.handOverSecret,
    SECKILL_CONSOLE_TOKEN: secrets.consoleToken,
    SECKILL_PERSONAL_KEYS: secrets.personalKeys,
  } satisfies Partial<Record<SettingName, string | null>>;
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [SettingName, string] => entry[1] !== null));
}
