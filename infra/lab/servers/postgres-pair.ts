import { execFile } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { postgresDirs, requireProgram } from '#infra/stack/host/binaries.ts';
import { tied } from '#infra/stack/host/launch.ts';
import { endings } from '#infra/stack/plan/roles.ts';
import { poll } from '../poll.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { freePort } from './free-port.ts';
import { descendantsOf, living } from './process-family.ts';
import { spawnTied, type TiedProcess } from './tied-process.ts';

const run = promisify(execFile);
const user = process.getuid?.() === 0 ? { user: { name: 'postgres', capability: null } } : {};
const searchPath = process.env.PATH ?? '';
const login = 'seckill';

export type PairServer = {
  port: number;
  /** Of this server alone. */
  url: string;
  start(): Promise<void>;
  /** Dies as by a kill, its backends too. */
  kill(): Promise<void>;
  /** Stands still, with its connections open; so do the backends that it has then. */
  pause(): void;
  resume(): void;
  promote(): Promise<void>;
  /** Becomes a standby of the other one, its data new; the other waits for it at each commit. */
  follow(): Promise<void>;
  query<Row>(sql: string): Promise<Row[]>;
};

/**
 * Two real PostgreSQL of a file's own: the first a primary, the second its synchronous standby, which streams. No one but the
 * test promotes one. No disk is waited for. `stop` when done.
 */
export async function startPostgresPair() {
  const home = temporaryDirectory('postgres-pair');
  chmodSync(home, 0o777); // the user postgres makes its directories there
  const ports = [await freePort(), await freePort()] as const;
  const first = server(home, 'first', ports[0], ports[1]);
  const second = server(home, 'second', ports[1], ports[0]);
  await program('initdb', '-D', join(home, 'first'), '-U', login, '-A', 'trust', '--no-sync', '--no-instructions');
  await first.start();
  await second.follow();
  const urlOf = (...hosts: PairServer[]) =>
    `postgres://${login}@${hosts.map(({ port }) => `127.0.0.1:${port}`).join(',')}/postgres`;
  return {
    first,
    second,
    /** Of these, in this order. */
    urlOf,
    async stop() {
      await Promise.all([first.kill(), second.kill()]);
      rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 25 });
    },
  };
}

const command = (name: string) => requireProgram(name, searchPath, postgresDirs(null));

async function program(name: string, ...args: string[]): Promise<void> {
  const line = tied({ command: command(name), args, ...user }, 'SIGKILL', searchPath);
  await run(line.command, [...line.args], { cwd: '/' });
}

function server(home: string, name: string, port: number, otherPort: number): PairServer {
  const dir = join(home, name);
  const url = `postgres://${login}@127.0.0.1:${port}/postgres`;
  let running: TiedProcess | null = null;
  let stopped: number[] = [];
  const settings = {
    ...{ port, listen_addresses: '127.0.0.1', unix_socket_directories: '', log_min_messages: 'panic' },
    ...{ fsync: 'off', shared_buffers: '16MB', autovacuum: 'off' },
  };

  async function query<Row>(sql: string, at = url): Promise<Row[]> {
    const client = new Client({ connectionString: at });
    client.on('error', () => undefined); // the query under way rejects
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  const self: PairServer = {
    port,
    url,
    query: (sql) => query(sql),
    async start() {
      const args = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
      const line = { command: command('postgres'), args: ['-D', dir, ...args], ...user };
      const { command: file, args: words } = tied(line, endings.postgres.onSupervisorDeath, searchPath);
      const deathSignal = endings.postgres.onSupervisorDeath;
      running = spawnTied(file, words, { cwd: '/', stdio: ['ignore', 'ignore', 'inherit'], deathSignal });
      await poll(`${name} to answer`, () => query('SELECT 1'));
    },
    async kill() {
      if (running === null) return;
      self.resume();
      const backends = descendantsOf(running.pid);
      await running.end('SIGKILL');
      // They see that they are orphans, and end: until then they hold its shared memory.
      await poll(`the backends of ${name} to end`, () => living(backends).length === 0);
      running = null;
    },
    pause() {
      if (running === null) throw new Error(`${name} does not run`);
      stopped = [running.pid, ...descendantsOf(running.pid)];
      for (const pid of stopped) process.kill(pid, 'SIGSTOP');
    },
    resume() {
      for (const pid of stopped.splice(0)) process.kill(pid, 'SIGCONT');
    },
    async promote() {
      await query('SELECT pg_promote(true, 60)');
    },
    async follow() {
      await self.kill();
      rmSync(dir, { recursive: true, force: true });
      const source = `postgres://${login}@127.0.0.1:${otherPort}/postgres`;
      const link = `host=127.0.0.1 port=${otherPort} user=${login} application_name=${name}`;
      await program('pg_basebackup', '-D', dir, '-d', link, '-R', '-X', 'stream', '--checkpoint=fast', '--no-sync');
      await self.start();
      await query(`ALTER SYSTEM SET synchronous_standby_names = '"${name}"'`, source);
      await query('SELECT pg_reload_conf()', source);
      const sql = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
      await poll(`${name} to follow`, async () => (await query(sql, source)).length === 1);
    },
  };
  return self;
}
