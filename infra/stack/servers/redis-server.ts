import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { StackPlan } from '../plan/plan.ts';
import { redisPasswordFile, sentinelPasswordFile } from '../plan/secrets.ts';
import { type Face, primaryNames, type RedisRole, type Server } from '../plan/servers.ts';
import { redisCheck } from '../supervise/health.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';

const starter = join(import.meta.dirname, 'redis.sh');

const appendFsync = {
  // A yes that left the building is on disk (DESIGN 2.4).
  'stock-redis': 'always',
  // The relay and the sweeper fill it again (DESIGN 2.5): a second may be lost.
  'queue-redis': 'everysec',
} as const;

/** `--ha`: it has replicas or is one, and the sentinels say which (redis-under-sentinels.sh). */
export function redisServer(plan: StackPlan, role: RedisRole, server: Server): ProcessSpec {
  const { ha, dir } = plan;
  const { name, port, face } = server;
  const dataDir = dir.data(name);
  const configFile = join(dir.config, `${name}.conf`);
  const password = plan.secrets.redisPasswords[role];
  return {
    role,
    name,
    address: `redis://127.0.0.1:${port}`,
    portName: name,
    after: [],
    line: {
      command: '/bin/sh',
      args: [
        ...[starter, plan.program('redis-server'), configFile, dataDir],
        ...(ha ? underSentinels(plan, role, server) : []),
      ],
    },
    environment: {
      ...plan.baseEnvironment,
      ...(ha ? { ENDS_WITH_PARENT: 'yes' } : {}),
      ...(face.port === port ? {} : { ANNOUNCED: `127.0.0.1:${face.port}` }),
    },
    cwd: dir.root,
    prepare: async () => {
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      // The password is in its own file, mode 0600: every user can read a command line.
      await writeFile(configFile, '', { mode: 0o600 });
      await chmod(configFile, 0o600); // of an earlier start
      await writeFile(configFile, redisConfig({ port, dataDir, appendFsync: appendFsync[role], password, ha, face }));
      if (ha && serversWithData(plan, role).length > 0) await noteBegun(plan, role);
    },
    check: redisCheck(port, password, { hasReplicas: ha }),
    ...(ha ? { afterReady: () => noteBegun(plan, role) } : {}),
  };
}

/** What redis-under-sentinels.sh is told, after the three that redis.sh takes. */
function underSentinels(plan: StackPlan, role: RedisRole, { port }: Server): string[] {
  return [
    primaryNames[role],
    `127.0.0.1:${port}`,
    begunFile(plan, role),
    redisPasswordFile(plan.dir, role),
    sentinelPasswordFile(plan.dir),
    ...plan.servers('sentinel').map((sentinel) => `127.0.0.1:${sentinel.face.port}`),
  ];
}

/** Is there as soon as the servers of that role may hold data: from then on an empty one is never the primary. */
const begunFile = (plan: StackPlan, role: RedisRole): string => join(plan.dir.data('begun'), primaryNames[role]);

async function noteBegun(plan: StackPlan, role: RedisRole): Promise<void> {
  await mkdir(dirname(begunFile(plan, role)), { recursive: true, mode: 0o700 });
  await writeFile(begunFile(plan, role), '', { mode: 0o600 });
}

/** Of a role's servers, those that have an append-only file. */
export const serversWithData = (plan: StackPlan, role: RedisRole): Server[] =>
  plan.servers(role).filter(({ name }) => existsSync(join(plan.dir.data(name), 'appendonlydir')));

/** noeviction: a full server says no, it never forgets a reservation or a job. */
export function redisConfig(options: {
  port: number;
  dataDir: string;
  appendFsync: 'always' | 'everysec';
  password: string;
  ha?: boolean;
  face?: Face;
}): string {
  return `bind 127.0.0.1
port ${options.port}
requirepass ${options.password}
dir "${options.dataDir}"
daemonize no
appendonly yes
appendfsync ${options.appendFsync}
aof-load-truncated no
save ""
maxmemory-policy noeviction
tcp-backlog 511
loglevel notice
${options.ha === true ? replicationConfig(options.password) : ''}${faceConfig(options)}`;
}

/** What others are told of it, where that is not its own port. */
const faceConfig = ({ port, face }: { port: number; face?: Face }): string =>
  face === undefined || face.port === port
    ? ''
    : `replica-announce-ip 127.0.0.1
replica-announce-port ${face.port}
${sourceConfig(face)}`;

export const sourceConfig = ({ source }: Face): string => (source === null ? '' : `bind-source-addr ${source}\n`);

/** A replica that comes back is copied to at once; after a short absence it is sent what it missed. */
const replicationConfig = (password: string): string => `masterauth ${password}
repl-diskless-sync yes
repl-diskless-sync-delay 0
repl-backlog-size 16mb
`;
