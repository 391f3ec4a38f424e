import { join } from 'node:path';
import type { SettingName } from '#contract/settings.ts';
import { requireProgram } from './binaries.ts';
import { type Environment, withoutSettings } from './launch.ts';
import { checkoutDir, type RunDirectory } from './run-directory.ts';
import type { Secrets } from './secrets.ts';

/** What one stack is made with: its directory, ports and secrets, and the addresses that follow from them. */
export type StackPlan = {
  checkout: string;
  dir: RunDirectory;
  secrets: Secrets;
  services: number;
  edgePort: number;
  /** What each process inherits: the caller's environment without SECKILL_* names. */
  baseEnvironment: Readonly<Record<string, string>>;
  searchPath: string;
  zookeeperClasspath: string | undefined;
  /** The private port of that name. */
  port: (name: string) => number;
  program: (name: string) => string;
  redisUrl: (role: 'stock-redis' | 'queue-redis') => string;
  zookeeper: string;
  databaseUrl: (database?: string) => string;
  edgeUrl: string;
  edgeInnerUrl: string;
};

export { checkoutDir };

export const instances = {
  services: (count: number) => Array.from({ length: count }, (_, i) => `service-${i + 1}`),
  gateway: 'gateway-1',
  worker: 'worker-1',
  edge: 'edge-1',
} as const;

/** Our own processes, by name. */
export const nodeProcessNames = (services: number): string[] => [
  ...instances.services(services),
  instances.gateway,
  instances.worker,
];

/** Every private port of a stack, by name. `edge` is among them when any free port will do for it. */
export const portNames = (services: number): string[] => [
  'stock-redis',
  'queue-redis',
  'zookeeper',
  'postgres',
  'edge-inner',
  ...nodeProcessNames(services),
];

export const agentSocket = (dir: RunDirectory): string => dir.socket('agent');

export function makePlan(options: {
  dir: RunDirectory;
  secrets: Secrets;
  services: number;
  edgePort: number;
  ports: Readonly<Record<string, number>>;
  environment: Environment;
}): StackPlan {
  const { dir, secrets, services, edgePort, ports, environment } = options;
  const searchPath = environment.PATH ?? '/usr/local/bin:/usr/bin:/bin';
  const port = (name: string): number => {
    const found = ports[name];
    if (found === undefined) throw new Error(`no port is planned for ${name}`);
    return found;
  };
  return {
    checkout: checkoutDir,
    dir,
    secrets,
    services,
    edgePort,
    baseEnvironment: withoutSettings(environment),
    searchPath,
    zookeeperClasspath: environment.SECKILL_ZOOKEEPER_CLASSPATH,
    port,
    program: (name) => requireProgram(name, searchPath, javaHome(name, environment)),
    redisUrl: (role) => `redis://127.0.0.1:${port(role)}`,
    zookeeper: `127.0.0.1:${port('zookeeper')}`,
    databaseUrl: (database = 'seckill') =>
      `postgres://seckill:${secrets.databasePassword}@127.0.0.1:${port('postgres')}/${database}`,
    edgeUrl: `http://127.0.0.1:${edgePort}`,
    edgeInnerUrl: `http://127.0.0.1:${port('edge-inner')}`,
  };
}

function javaHome(name: string, environment: Environment): string[] {
  const home = environment.JAVA_HOME;
  return name === 'java' && home !== undefined && home !== '' ? [join(home, 'bin')] : [];
}

/** The settings that the CLI, tests and load generators need to reach everything. Holds secrets. */
export function clientEnvironment(plan: StackPlan): Partial<Record<SettingName, string>> & Record<string, string> {
  return {
    SECKILL_RUN_DIR: plan.dir.root,
    SECKILL_STOCK_REDIS_URL: plan.redisUrl('stock-redis'),
    SECKILL_QUEUE_REDIS_URL: plan.redisUrl('queue-redis'),
    SECKILL_ZOOKEEPER: plan.zookeeper,
    SECKILL_DATABASE_URL: plan.databaseUrl(),
    SECKILL_TICKET_KEYS: plan.secrets.ticketKeys,
    SECKILL_SESSION_SECRET: plan.secrets.sessionSecret,
    SECKILL_EDGE_URL: plan.edgeUrl,
    SECKILL_EDGE_INNER_URL: plan.edgeInnerUrl,
    SECKILL_PAGES_DIR: plan.dir.pages,
  } satisfies Partial<Record<SettingName, string>>;
}
