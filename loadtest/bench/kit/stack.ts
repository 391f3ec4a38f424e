import { execFile, execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { stackEnvironment } from '#infra/stack/stack.ts';

const cli = join(import.meta.dirname, '../../../infra/cli/seckill.ts');

export type BenchStack = Awaited<ReturnType<typeof startBenchStack>>;

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** The whole system in a directory of its own, steered as ops would: by the command line. `more`: options of `up`. */
export const startBenchStack = (...more: string[]) => startBenchStackWith({}, ...more);

/** The same with `settings` (SECKILL_…) of its own. */
export async function startBenchStackWith(settings: Readonly<Record<string, string>>, ...more: string[]) {
  const parent = await mkdtemp(join(tmpdir(), 'bench-'));
  const dir = join(parent, 'run');
  const given = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const seckill = <T>(...args: string[]): Promise<T> =>
    new Promise((resolve, reject) => {
      const done = (error: Error | null, stdout: string, stderr: string) =>
        error === null ? resolve(JSON.parse(stdout)) : reject(new Error(`seckill ${args.join(' ')}: ${stderr}`));
      execFile('env', [...given, process.execPath, cli, ...args, '--dir', dir, '--json'], done);
    });
  process.stderr.write('starting a stack\n');
  // An interrupted bench leaves nothing running either.
  const ends = () => {
    execFileSync(process.execPath, [cli, 'down', '--dir', dir], { stdio: 'ignore' });
    rmSync(parent, { recursive: true, force: true });
  };
  process.once('exit', ends);
  await seckill('up', '--port', String(await freePort()), ...more);
  type Process = { role: string; address: string; innerUrl: string | null };
  const { processes } = await seckill<{ processes: Process[] }>('status');
  const environment = await stackEnvironment(dir);
  const find = (role: string) => {
    const found = processes.find((each) => each.role === role);
    if (found === undefined) throw new Error(`the stack has no ${role}`);
    return found;
  };
  const { SECKILL_STOCK_REDIS_URL: stockUrl = '', SECKILL_QUEUE_REDIS_URL: queueUrl = '' } = environment ?? {};
  const connect = (url: string) => new Redis(url, { maxRetriesPerRequest: null, replyMapping: 'legacy' });
  const [stockRedis, queueRedis] = [connect(stockUrl), connect(queueUrl)];
  return {
    dir,
    seckill,
    stockRedis,
    queueRedis,
    queueUrl,
    stockUrl,
    edgeUrl: environment?.SECKILL_EDGE_URL ?? '',
    edgeUrls: processes.filter(({ role }) => role === 'edge').map(({ address }) => address),
    databaseUrl: environment?.SECKILL_DATABASE_URL ?? '',
    /** A number out of a process' Prometheus metrics; a line with labels is named with them. */
    async metric(role: string, line: string): Promise<number> {
      const text = await (await fetch(`${find(role).innerUrl}/metrics`)).text();
      const found = text.split('\n').find((each) => each.startsWith(`${line} `));
      return Number(found?.slice(line.length) ?? 0);
    },
    async stop(): Promise<void> {
      stockRedis.disconnect();
      queueRedis.disconnect();
      process.off('exit', ends);
      await seckill('down');
      await rm(parent, { recursive: true, force: true });
    },
  };
}
