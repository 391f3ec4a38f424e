import { readFileSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { cdcNames } from '#contract/cdc.ts';
import { connectClient } from '#runtime/postgres/connect.ts';
import { readPostgresTopology } from '#runtime/postgres/topology.ts';
import { makeCdcRole } from '../../migrations/cdc-role.ts';
import { runMigrations } from '../../migrations/run.ts';
import { findProgram, postgresDirs, requireProgram } from '../host/binaries.ts';
import { StackError } from '../host/errors.ts';
import { postmasterOf } from '../host/postmaster.ts';
import type { StackPlan } from '../plan/plan.ts';
import type { Server } from '../plan/servers.ts';
import type { Check } from '../supervise/health.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';
import { databaseName, databaseUser, idsOf, isRoot, postgresUser, versionOf } from './postgres-server.ts';

/** Its user for replication; what it calls the cluster in ZooKeeper, below `/patroni`. */
const standbyUser = 'standby';
const scope = 'seckill';

/**
 * One of the PostgreSQL servers of `--ha`, in the hands of Patroni: that makes the cluster or copies it, asks ZooKeeper who the
 * primary is before it starts anything, promotes the synchronous standby when the primary is gone, and turns a former primary
 * into a standby (pg_rewind).
 */
export function patroniServer(plan: StackPlan, server: Server): ProcessSpec {
  const { name, port } = server;
  const home = plan.dir.data(name);
  const cluster = join(home, 'cluster');
  const user = isRoot() ? postgresUser(home) : undefined;
  const configFile = join(home, 'patroni.json');
  // A copy: the user that PostgreSQL has may not read the checkout.
  const program = join(home, 'start-patroni.py');
  return {
    role: 'postgres',
    name,
    address: `postgres://${databaseUser}@127.0.0.1:${port}/${databaseName}`,
    portName: name,
    after: ['zookeeper'],
    line: {
      command: patroniPython(plan.searchPath),
      args: [program, configFile],
      ...(user === undefined ? {} : { user }),
    },
    environment: { ...withoutPatroni(plan.baseEnvironment), PYTHONDONTWRITEBYTECODE: '1' },
    cwd: '/',
    prepare: async () => {
      await mkdir(home, { recursive: true, mode: 0o700 });
      const draft = `${configFile}.draft`;
      await copyFile(join(import.meta.dirname, 'start-patroni.py'), program);
      await writeFile(draft, JSON.stringify(patroniConfig(plan, server, home), null, 2), { mode: 0o600 });
      if (user !== undefined) {
        const { uid, gid } = await idsOf(user.name);
        await chmod(home, 0o700);
        await Promise.all([chown(home, uid, gid), chown(draft, uid, gid), chown(program, uid, gid)]);
      }
      await rename(draft, configFile);
    },
    outlivedBy: () => postmasterOf(cluster),
    check: hasItsPlace(plan.databaseUrl('postgres', server)),
    // The first one does it for both, wherever the primary is.
    ...(plan.servers('postgres')[0]?.name === name ? { afterReady: () => makeDatabase(plan) } : {}),
  };
}

/** The Python that has Patroni: that of its program. */
function patroniPython(searchPath: string): string {
  const found = findProgram('patroni', searchPath);
  const python = found === null ? null : /^#!(\S+)/.exec(readFileSync(found, 'latin1'))?.[1];
  if (python) return python;
  const why = 'patroni, which runs the two PostgreSQL of --ha, is not installed';
  throw new StackError('configuration', `${why}: run \`bash infra/setup/setup.sh --ha\``);
}

/** A name of Patroni's would change what we wrote into its file. */
const withoutPatroni = (environment: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('PATRONI_')));

/** The primary, or a standby that a primary sends to. */
function hasItsPlace(url: string): Check {
  return async () => {
    const [self] = await readPostgresTopology(url);
    switch (self?.kind) {
      case 'primary':
        return null;
      case 'standby':
        return self.receives ? null : 'a standby that no primary sends to';
      default:
        return self === undefined ? 'not asked' : self.why;
    }
  };
}

const primaryDeadlineMs = 30_000;

/** A connection to the primary. Both may be standbys at first, one of which sends to the other: Patroni is about to choose. */
async function connectPrimary(url: string) {
  const deadline = Date.now() + primaryDeadlineMs;
  for (;;) {
    try {
      return await connectClient(url, { connectionTimeoutMillis: 5_000 });
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await wait(200);
    }
  }
}

async function makeDatabase(plan: StackPlan): Promise<void> {
  const client = await connectPrimary(plan.databaseUrl('postgres'));
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [databaseName]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${databaseName}`);
  } finally {
    await client.end().catch(() => undefined);
  }
  await runMigrations(plan.databaseUrl());
  if (plan.cdcDatabaseUrl !== null) await makeCdcRole({ databaseUrl: plan.databaseUrl(), cdcUrl: plan.cdcDatabaseUrl });
  await setSlots(plan);
}

/**
 * Patroni drops the slots that it does not know. With `--cdc` ours is a permanent one: it is copied to the standby, so that a failover keeps it;
 * without, one that is there stays as it is. Told at each start, by a call: what its file says of this counts at the very first alone.
 */
async function setSlots(plan: StackPlan): Promise<void> {
  const [first] = plan.servers('postgres');
  const { standbyPassword } = plan.secrets;
  if (first === undefined || standbyPassword === null) throw new Error('the plan has no server under Patroni');
  const config = {
    slots: {
      [cdcNames.slot]: plan.cdc === null ? null : { type: 'logical', database: databaseName, plugin: 'pgoutput' },
    },
    ignore_slots: [cdcNames.slot, cdcNames.debeziumSlot].map((name) => ({ name, type: 'logical' })),
  };
  const login = Buffer.from(`${standbyUser}:${standbyPassword}`).toString('base64');
  const deadline = Date.now() + primaryDeadlineMs;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${plan.port(`${first.name}-patroni`)}/config`, {
      method: 'PATCH',
      headers: { authorization: `Basic ${login}`, 'content-type': 'application/json' },
      body: JSON.stringify(config),
      signal: AbortSignal.timeout(5000),
    }).catch((error: unknown) => String(error));
    if (typeof answer !== 'string' && answer.ok) return;
    // At the very first start its configuration is in ZooKeeper a moment after PostgreSQL serves.
    if (Date.now() > deadline)
      throw new StackError('failed', `Patroni takes no slots: ${typeof answer === 'string' ? answer : answer.status}`);
    await wait(200);
  }
}

/**
 * Patroni's file; JSON is YAML. Source: patroni.readthedocs.io, "YAML Configuration Settings" and "Dynamic Configuration
 * Settings". What stands below `dcs` counts at the very first start alone: `PATCH /config` of its REST API changes it.
 */
function patroniConfig(plan: StackPlan, { name, port }: Server, home: string) {
  const { databasePassword, standbyPassword } = plan.secrets;
  if (standbyPassword === null) throw new Error('the plan has a standby and no password for it');
  const cluster = join(home, 'cluster');
  const superuser = { username: databaseUser, password: databasePassword };
  const inner = `127.0.0.1:${plan.port(`${name}-patroni`)}`;
  return {
    scope,
    namespace: '/patroni/',
    name,
    log: { level: 'WARNING' },
    // Reading is open to all, an order needs the password.
    restapi: {
      ...{ listen: inner, connect_address: inner },
      authentication: { username: standbyUser, password: standbyPassword },
    },
    zookeeper: { hosts: plan.zookeeper.split(',') },
    bootstrap: {
      dcs: {
        // A primary whose machine is gone is replaced after `ttl` seconds, which are at least loop_wait + 2 x retry_timeout; one whose
        // PostgreSQL alone died, at once. Patroni 3.1 and newer make 20 s of the `ttl`, and ZooKeeper 10 s of that (20 ticks).
        ...{ ttl: 6, loop_wait: 1, retry_timeout: 2, master_start_timeout: 0 },
        // A commit waits for the standby; while that is away, for none, and then it cannot be promoted.
        ...{ synchronous_mode: true, maximum_lag_on_failover: 1_048_576 },
        // Without ZooKeeper the primary stays one as long as it reaches the other server.
        failsafe_mode: true,
        postgresql: {
          ...{ use_pg_rewind: true, use_slots: true },
          parameters: {
            ...{ max_connections: 100, wal_log_hints: 'on', max_slot_wal_keep_size: '1GB', wal_level: 'logical' },
            ...{ wal_receiver_status_interval: '1s', wal_sender_timeout: '5s', wal_receiver_timeout: '5s' },
          },
        },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, 'data-checksums', 'no-sync'],
    },
    postgresql: {
      ...{ listen: `127.0.0.1:${port}`, connect_address: `127.0.0.1:${port}` },
      ...{ data_dir: cluster, bin_dir: binDir(plan, cluster), pgpass: join(home, 'pgpass') },
      authentication: {
        superuser,
        replication: { username: standbyUser, password: standbyPassword },
        rewind: superuser,
      },
      // A copy does not wait until the next checkpoint is due, minutes later.
      basebackup: [{ checkpoint: 'fast' }],
      parameters: { unix_socket_directories: '', shared_buffers: '64MB', log_min_messages: 'warning' },
      pg_hba: ['host all all 127.0.0.1/32 scram-sha-256', `host replication ${standbyUser} 127.0.0.1/32 scram-sha-256`],
    },
    watchdog: { mode: 'off' },
  };
}

function binDir(plan: StackPlan, cluster: string): string {
  const postgres = requireProgram('postgres', plan.searchPath, postgresDirs(versionOf(cluster)));
  return postgres.slice(0, -'/postgres'.length);
}
