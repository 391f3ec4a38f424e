import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { effectiveState } from '#contract/sale.ts';
import { compareWithTables, readChangeFiles, tablesOf } from '#lab/kits/cdc-reader.ts';
import { seckill } from '#lab/kits/command-line.ts';
import { untilHealthy } from '#lab/kits/processes.ts';
import { poll, soonMs } from '#lab/poll.ts';
import { type AuditReport, auditSale } from '#order-worker/audit/audit.ts';
import { countOrders } from '#order-worker/queue/queued-orders.ts';
import { type Connections, openConnections } from '../cli/kit/connections.ts';
import type { Stack } from '../stack/stack.ts';
import type { Crowd } from './storm.ts';

/** The sweeper looks at reservations that are held for 15 s, every 5 s; a slow drain takes 12 s for 500 orders. */
const storedWithinMs = 120_000;

/** Every process is up again, by itself. */
export const isHealthy = ({ dir }: Stack): Promise<void> => untilHealthy(dir);

/** Every granted order has its row, its reservation knows it, and nothing of it lies about on the way. */
export async function isStored({ stock, store, queue }: Connections, saleId: string): Promise<void> {
  await poll(
    'every order to be stored',
    async () => {
      const cut = await stock.cut(saleId);
      const granted = [...(cut?.reservations.values() ?? [])];
      const held = granted.filter(({ state }) => state === 'held').length;
      const rows = (await store.ofSale(saleId)).length;
      const outbox = await stock.outboxLength(saleId);
      const { failed, active } = await countOrders(await queue());
      if (held + outbox + failed + active === 0 && rows === granted.length) return true;
      const jobs = `${outbox} in the outbox, ${active} active, ${failed} dead letters`;
      throw new Error(`${held} held, ${rows} rows for ${granted.length} reservations; ${jobs}`);
    },
    storedWithinMs,
    150,
  );
}

/** A fault in the middle of the first snapshot begins it anew, as the next generation: rounds come after it. */
export async function hasFirstSnapshot({ dir }: Stack): Promise<void> {
  const manifest = join(dir, 'cdc/manifest.ndjson');
  const isDone = async () => (await readFile(manifest, 'utf8').catch(() => '')).includes('"snapshot":"done"');
  await poll('the first snapshot for the data team', isDone);
}

/** The data team has what PostgreSQL has, every column of every row, once doubles are removed. */
export async function isCopied(stack: Stack, { pool }: Connections, note: (text: string) => void): Promise<void> {
  await poll('the files of the data team to be as the tables are', async () => {
    const changes = await readChangeFiles(join(stack.dir, 'cdc'));
    // No round asks for a snapshot, and the first was done before: one that was taken all the same would mend a gap, and hide it.
    const anew = changes.filter(({ source }) => source.generation > 1).length;
    if (anew > 0) throw new Error(`${anew} changes are of a snapshot that no one asked for`);
    const read = tablesOf(changes);
    const { missing, different, extra } = await compareWithTables(pool, read);
    if (missing.length + different.length + extra.length === 0) {
      note(`the data team has ${read.rows.size} rows by ${read.changes} changes, ${read.doubles} of them doubles`);
      return true;
    }
    const some = [...missing, ...different, ...extra].slice(0, 3).join(', ');
    throw new Error(
      `${missing.length} rows missing, ${different.length} different, ${extra.length} that there are not: ${some}`,
    );
  });
}

/** `seckill audit` balances, and nothing is on its way any more. */
export async function isBalanced(stack: Stack, saleId: string): Promise<void> {
  // What it finds counts at once; only a command that could not ask is run again.
  const { code, stdout, stderr } = await poll('seckill audit to report', async () => {
    const result = await seckill(stack.environment, 'audit', saleId, '--json');
    if (result.stdout === '') throw new Error(`it exited ${result.code}: ${result.stderr}`);
    return result;
  });
  const problems = auditProblems(JSON.parse(stdout) as AuditReport); // the command's own contract
  if (code !== 0 || problems.length > 0) {
    throw new Error(`seckill audit exited ${code}: ${[...problems, stderr].join('; ')}`);
  }
}

/** What an audit finds wrong when nothing is on its way any more. */
export function auditProblems(report: AuditReport): string[] {
  const broken = report.checks.filter(({ holds }) => !holds).map(({ invariant, says }) => `${invariant}: ${says}`);
  const differences = report.differences.map(
    ({ invariant, orderId, explains }) => `${invariant} ${orderId} ${explains}`,
  );
  const held = report.units.held > 0 ? [`${report.units.held} units are still held`] : [];
  return [...broken, ...differences, ...held];
}

/** The edge is in the state of the highest epoch (I7). */
export async function edgeIsInStep({ stock }: Connections, crowd: Crowd, saleId: string): Promise<void> {
  await poll('the edge to be in step with stock Redis', async () => {
    const sale = await stock.sale(saleId);
    if (sale === null) throw new Error('stock Redis does not know the sale');
    const { status, body } = await crowd.sale();
    const wanted = effectiveState(sale.state, sale.opensAtMs, sale.closesAtMs, Date.now());
    if (body.state === wanted && body.epoch === sale.epoch) return true;
    throw new Error(`stock says ${wanted} at epoch ${sale.epoch}, the edge ${status} ${body.state} at ${body.epoch}`);
  });
}

/** With units free, somebody new gets one. */
export async function sellsOn({ stock }: Connections, crowd: Crowd, saleId: string): Promise<void> {
  const sale = await poll('stock Redis to answer', () => stock.sale(saleId));
  if (sale.free > 0) await crowd.newcomer(soonMs);
}

/** What is wrong with the books of these sales, each with its id before it. */
export async function lateProblems(stack: Stack, saleIds: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  const connections = await openConnections(stack.environment);
  try {
    for (const saleId of saleIds) {
      const { report } = await poll(`the books of ${saleId}`, async () => ({
        report: await auditSale(connections, saleId),
      }));
      const found = report === null ? ['stock Redis does not know it'] : auditProblems(report);
      if (found.length > 0) problems.push(`${saleId}: ${found.join('; ')}`);
    }
  } finally {
    await connections.close();
  }
  return problems;
}

/** Runs work: what goes wrong is noted in `problems`, and the rest is looked at all the same. True when nothing did. */
export const noting =
  (problems: string[]) =>
  async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
      return false;
    }
  };
