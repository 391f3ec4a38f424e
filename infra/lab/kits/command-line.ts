import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { saleFileSchema } from '#contract/sale.ts';
import { interruptionBy } from '#infra/cli/kit/interruption.ts';
import { runCli } from '#infra/cli/run-cli.ts';
import { toNewSale } from '#infra/cli/sale/sale-file.ts';
import { checkoutDir } from '#infra/stack/host/run-directory.ts';
import { type EdgesInStep, edgesInStep } from '#sales/edges.ts';
import { changeSaleState, preloadSale } from '#sales/sale-state.ts';
import { poll } from '../poll.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { openPatientConnections } from './patient-connections.ts';

export type CliResult = { code: number; stdout: string; stderr: string };

const longestMs = 180_000;

/** The environment of a command: that of the tests, with the addresses of a stack in the place of every other setting. */
function environmentWith(given: Record<string, string>) {
  const outside = Object.entries(process.env).filter(([name]) => !name.startsWith('SECKILL_'));
  return { ...Object.fromEntries(outside), ...given };
}

/** A stream that is no terminal, and what was written to it. */
function written() {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

/**
 * Runs a command in this process, with the addresses of a stack: what a user's command does, without the second that a
 * process takes to start. Never throws for an exit code, but for a command that does not end.
 */
export async function seckill(environment: Record<string, string>, ...args: string[]): Promise<CliResult> {
  const [stdout, stderr] = [written(), written()];
  const late = new AbortController();
  const run = runCli(args, {
    environment: environmentWith(environment),
    stdin: () => Readable.from([]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    interruption: () => interruptionBy(late.signal),
    surviveLostOutput: () => {},
    onExit: () => () => {},
  });
  const isLate = new Promise<never>((_resolve, reject) => {
    late.signal.addEventListener('abort', () => reject(late.signal.reason as Error));
  });
  const bound = setTimeout(() => {
    late.abort(new Error(`seckill ${args.join(' ')}: no end within ${longestMs / 1000} s; ${stderr.text()}`));
  }, longestMs);
  try {
    const code = await Promise.race([run, isLate]);
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    clearTimeout(bound);
  }
}

/** {@link seckill} as a process of its own, by the real entry: where the process itself is the subject, or its load. */
export function seckillProcess(environment: Record<string, string>, ...args: string[]): Promise<CliResult> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(checkoutDir, 'infra/cli/seckill.ts'), ...args],
      { env: environmentWith(environment), timeout: longestMs, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

/** {@link seckill} for a command that must work: its one JSON document. */
export async function seckillJson<T>(environment: Record<string, string>, ...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await seckill(environment, ...args, '--json');
  if (code !== 0) throw new Error(`seckill ${args.join(' ')} exited ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

export const newSaleId = (name: string) => `${name}-${crypto.randomUUID().slice(0, 8)}`;

export type SaleDraft = {
  saleId: string;
  units: number;
  limitPerUser?: number;
  payWithinSeconds?: number;
  opensAt?: string;
  closesAt?: string;
  /** Anything else of a sale file. */
  [field: string]: unknown;
};

/** What a sale file holds: open since a minute, for an hour, unless the draft says otherwise. */
const saleOf = (draft: SaleDraft) => ({
  title: 'A phone',
  price: { amount: 1999, currency: 'CNY' },
  limitPerUser: 1,
  opensAt: new Date(Date.now() - 60_000).toISOString(),
  closesAt: new Date(Date.now() + 3600_000).toISOString(),
  ...draft,
});

/** Writes a sale file as ops would: in a folder of theirs, outside of the stack's. */
export async function writeSaleFile(draft: SaleDraft): Promise<string> {
  const file = join(temporaryDirectory('sale'), `${draft.saleId}.json`);
  await writeFile(file, JSON.stringify(saleOf(draft)));
  return file;
}

/**
 * Creates, loads and opens a sale in this process, by the calls that `sale create`, `stock preload` and `sale open` make
 * (infra/acceptance/cli.whole.test.ts does it by the commands); every edge knows it when this resolves.
 */
export async function openSale(environment: Record<string, string>, draft: SaleDraft): Promise<void> {
  const { saleId, units } = draft;
  const connections = await openPatientConnections(environment);
  const { catalogue, zookeeper } = connections;
  try {
    const secret = () => environment.SECKILL_CHALLENGE_SECRET ?? '';
    await catalogue.create(toNewSale(saleFileSchema.parse(saleOf(draft)), secret));
    const sale = await catalogue.find(saleId);
    if (sale === null) throw new Error(`${saleId} was created and is not there`);
    await poll('ZooKeeper to be connected', () => zookeeper.ready() === null);
    await preloadSale(connections, sale, units);
    const { outcome } = await changeSaleState(connections, saleId, 'open');
    if (outcome.kind !== 'done') throw new Error(`opening ${saleId}: ${JSON.stringify(outcome)}`);
    await poll(`every edge to know ${saleId}`, async () => {
      const { inStep } = await edgesInStep(zookeeper, saleId, outcome.epoch);
      return inStep.length === edgesOf(environment);
    });
  } finally {
    await connections.close();
  }
}

/** How many edges that environment knows; none, where only parts of a system run. */
const edgesOf = ({ SECKILL_EDGE_URL: one, SECKILL_EDGE_URLS: all = one }: Record<string, string>) =>
  all?.split(',').length ?? 0;

/** Loads a draft's stock. ZooKeeper may not answer in time on a busy machine; a draft is loaded again. */
export const preload = (environment: Record<string, string>, saleId: string) =>
  poll(`the stock of ${saleId}`, async () => {
    const { code, stderr } = await seckill(environment, 'stock', 'preload', saleId);
    if (code > 1) throw new Error(stderr);
    return code === 0;
  });

/**
 * Changes a sale's state; every edge has applied it when this resolves. The command itself waits for 3 s and then says
 * who is behind: on a busy machine it is said again, which changes nothing more.
 */
export async function untilEdgesFollow(environment: Record<string, string>, ...args: string[]): Promise<void> {
  await poll(
    `every edge to follow ${args.join(' ')}`,
    async () => {
      const told = await seckillJson<{ edges: EdgesInStep | null }>(environment, ...args);
      return told.edges?.inStep.length === edgesOf(environment);
    },
    90_000,
  );
}
