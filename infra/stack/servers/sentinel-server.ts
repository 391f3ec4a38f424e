import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from '../host/errors.ts';
import type { StackPlan } from '../plan/plan.ts';
import { type Face, primaryNames, quorum, type RedisRole, type Server } from '../plan/servers.ts';
import { sentinelCheck } from '../supervise/health.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';
import { serversWithData, sourceConfig } from './redis-server.ts';

/** The sentinel `sentinel-n` stands beside `stock-redis-n`; all of them watch both primaries. */
export function sentinelServer(plan: StackPlan, { name, port, face }: Server): ProcessSpec {
  const dataDir = plan.dir.data(name);
  const password = plan.secrets.sentinelPassword;
  if (password === null) throw new Error('the plan has sentinels and no password for them');
  return {
    role: 'sentinel',
    name,
    address: `redis://127.0.0.1:${port}`,
    portName: name,
    after: [],
    // It writes its configuration anew, passwords in it.
    line: {
      command: '/bin/sh',
      args: ['-c', 'umask 077; exec "$0" "$@"', plan.program('redis-server'), configFile(plan, name), '--sentinel'],
    },
    environment: plan.baseEnvironment,
    cwd: plan.dir.root,
    prepare: async () => {
      const files = filesOf(plan);
      const known = { primaries: primariesBefore(plan, files), voted: votedEpoch(files) };
      const config = sentinelConfig({ plan, port, face, dataDir, password, ...known });
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      const draft = `${configFile(plan, name)}.draft`;
      await writeFile(draft, config, { mode: 0o600 });
      await rename(draft, configFile(plan, name)); // the others read it meanwhile
    },
    check: sentinelCheck(port, password),
  };
}

/** Among its data: a sentinel keeps in it what it knows. */
const configFile = (plan: StackPlan, name: string): string => join(plan.dir.data(name), 'sentinel.conf');

/** Which server is the primary, and the epoch in which it was made that. */
type Primary = { server: Server; epoch: number };
const redisRoles = Object.keys(primaryNames) as RedisRole[]; // the table's own keys

/** What every sentinel has written of what it knows. */
const filesOf = (plan: StackPlan): string[] =>
  plan.servers('sentinel').flatMap(({ name }) => {
    try {
      return [readFileSync(configFile(plan, name), 'utf8')];
    } catch {
      return []; // the first start, or it was removed
    }
  });

/** The newest epoch in which any of these may have voted: one that starts again votes in a later one only, so never twice in one. */
export const votedEpoch = (files: readonly string[]): number =>
  Math.max(0, ...files.map((text) => Number(/^sentinel current-epoch (\d+)$/m.exec(text)?.[1] ?? 0)));

/** Of each role the primary that the sentinels agreed on last, by its name; the first server at the first start. */
function primariesBefore(plan: StackPlan, files: readonly string[]): Record<RedisRole, Primary> {
  const before = (role: RedisRole): Primary => {
    const known = files.flatMap((text) => primaryIn(text, role, plan.servers(role)));
    return known.sort((a, b) => b.epoch - a.epoch)[0] ?? { server: onlyCandidate(plan, role), epoch: 0 };
  };
  return { 'stock-redis': before('stock-redis'), 'queue-redis': before('queue-redis') };
}

/** What a sentinel's file says of the primary of that role: none or one. Its first line has the ports that it was written with. */
export function primaryIn(text: string, role: RedisRole, servers: readonly Server[]): Primary[] {
  const name = primaryNames[role];
  const ports = /^# ports (.*)$/m.exec(text)?.[1]?.split(' ') ?? [];
  const port = new RegExp(`^sentinel monitor ${name} \\S+ (\\d+) `, 'm').exec(text)?.[1];
  const epoch = new RegExp(`^sentinel config-epoch ${name} (\\d+)$`, 'm').exec(text)?.[1] ?? '0';
  const server = servers.find((each) => ports.includes(`${each.name}=${port}`));
  return server === undefined ? [] : [{ server, epoch: Number(epoch) }];
}

/** Where no sentinel's file is left: the one server with data, or the first when none has any. */
function onlyCandidate(plan: StackPlan, role: RedisRole): Server {
  const withData = serversWithData(plan, role);
  const [first] = withData.length === 0 ? plan.servers(role) : withData;
  if (withData.length > 1 || first === undefined) {
    const names = withData.map(({ name }) => name).join(', ');
    throw new StackError(
      'failed',
      `the files of the sentinels are gone (${configFile(plan, 'sentinel-1')}), so it is not known which of ${names} was the primary: keep the data directory with the newest data, move the others away, and start again`,
    );
  }
  return first;
}

function sentinelConfig(options: {
  plan: StackPlan;
  port: number;
  face: Face;
  dataDir: string;
  password: string;
  primaries: Record<RedisRole, Primary>;
  voted: number;
}): string {
  const { plan, port, face, dataDir, password, primaries, voted } = options;
  const ports = redisRoles.flatMap((role) => plan.servers(role)).map((server) => `${server.name}=${server.face.port}`);
  return `# ports ${ports.join(' ')}
bind 127.0.0.1
port ${port}
requirepass ${password}
sentinel sentinel-pass ${password}
dir "${dataDir}"
daemonize no
loglevel notice
sentinel current-epoch ${voted}
${face.port === port ? '' : `sentinel announce-ip 127.0.0.1\nsentinel announce-port ${face.port}\n${sourceConfig(face)}`}${redisRoles.map((role) => watched(plan, role, primaries[role], voted)).join('')}`;
}

/** A primary that is silent for a second is away; a failover that takes 3 s begins anew. */
const watched = (plan: StackPlan, role: RedisRole, { server, epoch }: Primary, voted: number): string => {
  const name = primaryNames[role];
  // Told, not found: a sentinel asks the primary for its replicas every 10 s, and it may be gone before.
  const replicas = plan.servers(role).filter((each) => each.name !== server.name);
  return `sentinel monitor ${name} 127.0.0.1 ${server.face.port} ${quorum}
sentinel auth-pass ${name} ${plan.secrets.redisPasswords[role]}
sentinel down-after-milliseconds ${name} 1000
sentinel failover-timeout ${name} 3000
sentinel config-epoch ${name} ${epoch}
sentinel leader-epoch ${name} ${voted}
${replicas.map(({ face }) => `sentinel known-replica ${name} 127.0.0.1 ${face.port}\n`).join('')}`;
};
