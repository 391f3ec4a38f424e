import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { makeCdcRole } from '../../migrations/cdc-role.ts';
import { runMigrations } from '../../migrations/run.ts';
import { postgresDirs, requireProgram } from '../host/binaries.ts';
import { messageOf, StackError } from '../host/errors.ts';
import { type RunAs, tied, traversalCapability } from '../host/launch.ts';
import type { StackPlan } from '../plan/plan.ts';
import { endings } from '../plan/roles.ts';
import type { Server } from '../plan/servers.ts';
import { postgresCheck } from '../supervise/health.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';

const run = promisify(execFile);
export const databaseName = 'seckill';
export const databaseUser = 'seckill';

/** One cluster, one database, one user with a generated password, on 127.0.0.1 only. */
export function postgresServer(plan: StackPlan, server: Server): ProcessSpec {
  const { name, port } = server;
  const home = plan.dir.data(name);
  const cluster = join(home, 'cluster');
  const programs = postgresDirs(versionOf(cluster));
  const user = isRoot() ? postgresUser(home) : undefined;
  const address = (database: string) => `postgres://${databaseUser}@127.0.0.1:${port}/${database}`;
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '64MB',
    log_min_messages: 'warning',
    // The data team reads along (docs/data-team.md). A reader that is away until it would keep more than that begins anew; without a limit, its slot
    // would keep WAL until this disk is full, and no order could be stored.
    wal_level: 'logical',
    max_slot_wal_keep_size: '1GB',
  };
  return {
    role: 'postgres',
    name,
    address: address(databaseName),
    portName: name,
    after: [],
    line: {
      command: requireProgram('postgres', plan.searchPath, programs),
      args: ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      ...(user === undefined ? {} : { user }),
    },
    environment: plan.baseEnvironment,
    // It returns to its working directory after looking for itself: one that its user may enter.
    cwd: '/',
    prepare: async (signal) => {
      await makeCluster({ plan, home, cluster, programs, user, signal });
      await writeHba(cluster, user);
    },
    // Any database proves that it serves; ours is made afterwards.
    check: postgresCheck(plan.databaseUrl('postgres', server)),
    afterReady: async () => {
      await makeDatabase(plan.databaseUrl('postgres', server));
      await runMigrations(plan.databaseUrl(databaseName, server));
      if (plan.cdcDatabaseUrl !== null)
        await makeCdcRole({ databaseUrl: plan.databaseUrl(databaseName, server), cdcUrl: plan.cdcDatabaseUrl });
    },
  };
}

export const isRoot = () => process.getuid?.() === 0;

export function versionOf(cluster: string): string | null {
  try {
    return readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim();
  } catch {
    return null;
  }
}

/** PostgreSQL refuses to run as root. Its user may not be able to enter the folders above ours; then a capability may. */
export function postgresUser(home: string): RunAs {
  const closed = ancestors(home).find((dir) => existsSync(dir) && (statSync(dir).mode & 0o001) === 0);
  const capability = closed === undefined ? null : traversalCapability();
  if (closed !== undefined && capability === null) {
    throw new StackError(
      'configuration',
      `PostgreSQL runs as the user postgres, who may not enter ${closed}: choose another run directory with --dir`,
    );
  }
  return { name: 'postgres', capability };
}

function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...ancestors(parent)];
}

type ClusterOptions = {
  plan: StackPlan;
  home: string;
  cluster: string;
  programs: readonly string[];
  user: RunAs | undefined;
  signal: AbortSignal;
};

/** initdb beside the final place and a rename: an interrupted start leaves no half of a cluster. */
async function makeCluster(options: ClusterOptions): Promise<void> {
  const { plan, home, cluster, programs, user, signal } = options;
  await mkdir(home, { recursive: true, mode: 0o700 });
  if (existsSync(cluster)) return;
  const draft = join(home, `cluster.${randomBytes(4).toString('hex')}`);
  const passwordFile = join(home, 'password');
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, `${plan.secrets.databasePassword}\n`, { mode: 0o600 });
  if (user !== undefined) {
    const { uid, gid } = await idsOf(user.name);
    await chmod(home, 0o711);
    await Promise.all([chown(draft, uid, gid), chown(passwordFile, uid, gid)]);
  }
  const initdb = {
    command: requireProgram('initdb', plan.searchPath, programs),
    args: [
      `--pgdata=${draft}`,
      `--username=${databaseUser}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      // The machine may crash in the seconds of a first start: then nothing is lost but this empty cluster.
      '--no-sync',
      '--no-instructions',
    ],
    ...(user === undefined ? {} : { user }),
  };
  const { command, args } = tied(initdb, endings.postgres.onSupervisorDeath, plan.searchPath);
  const running = run(command, [...args], { cwd: '/', env: plan.baseEnvironment, signal, killSignal: 'SIGINT' });
  // An aborted run rejects at once, while initdb and the server that it started are still ending.
  const ended = new Promise((resolve) => running.child.once('close', resolve));
  try {
    await running;
    await rename(draft, cluster);
  } catch (error) {
    await ended;
    await rm(draft, { recursive: true, force: true, maxRetries: 20, retryDelay: 25 });
    signal.throwIfAborted();
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new StackError('failed', `postgres: initdb failed: ${said === '' ? messageOf(error) : said}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/**
 * Who may come in: by password, from this machine. No line for the database `replication`: the role that reads for the data team may
 * replicate, and is to have no physical copy of everything. Written at each start, for clusters that an older version made.
 */
async function writeHba(cluster: string, user: RunAs | undefined): Promise<void> {
  const path = join(cluster, 'pg_hba.conf');
  const draft = `${path}.draft`;
  await writeFile(draft, 'host all all 127.0.0.1/32 scram-sha-256\n', { mode: 0o600 });
  if (user !== undefined) {
    const { uid, gid } = await idsOf(user.name);
    await chown(draft, uid, gid);
  }
  await rename(draft, path);
}

export async function idsOf(name: string): Promise<{ uid: number; gid: number }> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    throw new StackError('configuration', `PostgreSQL does not run as root, and this machine has no user ${name}`);
  }
}

async function makeDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 30_000 });
  client.on('error', () => undefined); // a server that ends meanwhile: the query rejects
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [databaseName]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${databaseName}`);
  } finally {
    await client.end().catch(() => undefined);
  }
}
