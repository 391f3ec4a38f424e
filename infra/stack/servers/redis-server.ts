import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StackPlan } from '../plan/plan.ts';
import { redisCheck } from '../supervise/health.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';

const starter = join(import.meta.dirname, 'redis.sh');

const appendFsync = {
  // A yes that left the building is on disk (DESIGN 2.4).
  'stock-redis': 'always',
  // The relay and the sweeper fill it again (DESIGN 2.5): a second may be lost.
  'queue-redis': 'everysec',
} as const;

export function redisServer(plan: StackPlan, role: keyof typeof appendFsync): ProcessSpec {
  const port = plan.port(role);
  const dataDir = plan.dir.data(role);
  const configFile = join(plan.dir.config, `${role}.conf`);
  const password = plan.secrets.redisPasswords[role];
  return {
    role,
    name: role,
    address: `redis://127.0.0.1:${port}`,
    portName: role,
    after: [],
    line: { command: '/bin/sh', args: [starter, plan.program('redis-server'), configFile, dataDir] },
    environment: plan.baseEnvironment,
    cwd: plan.dir.root,
    prepare: async () => {
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      // The password is in its own file, mode 0600: every user can read a command line.
      await writeFile(configFile, '', { mode: 0o600 });
      await chmod(configFile, 0o600); // of an earlier start
      await writeFile(configFile, redisConfig({ port, dataDir, appendFsync: appendFsync[role], password }));
    },
    check: redisCheck(port, password),
  };
}

/** noeviction: a full server says no, it never forgets a reservation or a job. */
export function redisConfig(options: {
  port: number;
  dataDir: string;
  appendFsync: 'always' | 'everysec';
  password: string;
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
`;
}
