import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { EdgeNode } from '#contract/edge-stream.ts';
import { effectiveState, saleIdPattern } from '#contract/sale.ts';
import { isShadowSale, shadowSalePrefix } from '#contract/shadow-sale.ts';
import type { Scenario } from '#loadtest/plan/plan.ts';
import { maxAskersASecond, maxCountedASecond, maxOfOneUser } from '#loadtest/plan/requests.ts';
import { type FoundK6, findK6 } from '#loadtest/run/find-k6.ts';
import { counted } from '#runtime/counted.ts';
import { askEdge } from '../../sale-check/edge-answers.ts';
import { edgeAt } from '../../sale-check/reach-edges.ts';
import { checkoutDir } from '../../stack/host/run-directory.ts';
import { type StackStatus, stackStatus } from '../../stack/running-stack.ts';
import { limitIn } from '../../stack/supervise/process-limits.ts';
import { CliError } from '../kit/cli-error.ts';
import type { CommandContext } from '../kit/connections.ts';
import { statusCommand } from '../kit/status-command.ts';

/** What a load test may do, found before anything is sent. */
export type Ground = {
  k6: Extract<FoundK6, { kind: 'found' }>;
  /** The processes on this machine; null when the stack is somewhere else. */
  stack: StackStatus | null;
  isLoopback: boolean;
};

const isLoopbackHost = (host: string) => /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host);

/** Load goes to this machine, unless somebody says that the other one is theirs, too. Throws {@link CliError}. */
export function checkTarget(edgeUrl: string, owned: boolean): boolean {
  const { hostname } = new URL(edgeUrl);
  if (isLoopbackHost(hostname)) return true;
  if (owned) return false;
  throw new CliError(
    `the edge is ${edgeUrl}, not this machine: a load test of somebody else's host is an attack. If it is yours, say so with --i-own-this-host`,
    2,
  );
}

/** The k6 to run. Throws {@link CliError}, which says how to get one. */
export async function requireK6(environment: CommandContext['environment'], searchPath: string): Promise<Ground['k6']> {
  const found = await findK6({ named: environment.SECKILL_K6, checkout: checkoutDir, searchPath });
  if (found.kind === 'found') return found;
  const why = found.kind === 'missing' ? 'there is no k6 here' : `${found.path} cannot be used: ${found.problem}`;
  throw new CliError(`${why}. Run "npm run setup:k6", or name one by SECKILL_K6`, 78);
}

/** The status, looked at again where a process did not answer: on a busy machine it may have had no time for it. */
async function settledStatus(dir: string | undefined): Promise<StackStatus> {
  for (let looks = 1; ; looks += 1) {
    const status = await stackStatus(dir);
    if (!status.running || status.processes.every(({ health }) => health === 'up') || looks === 3) return status;
    await wait(1000);
  }
}

/** Whether everything is up: on this machine every process, elsewhere what the edges say of themselves. */
export async function checkStack(environment: CommandContext['environment']): Promise<StackStatus | null> {
  const status = await settledStatus(environment.SECKILL_RUN_DIR);
  if (status.running && status.edge === environment.SECKILL_EDGE_URL) {
    const down = status.processes.filter(({ health }) => health !== 'up');
    if (down.length === 0) return status;
    const list = down.map(({ name, problem }) => `${name} (${problem})`).join(', ');
    throw new CliError(`the stack is not up: ${list}; next: ${statusCommand(environment)}`, 1);
  }
  for (const url of environment.SECKILL_EDGE_INNER_URL?.split(',') ?? []) {
    if ((await askEdge(edgeAt(url), '/readyz')).status !== 200)
      throw new CliError(`the edge at ${url} is not ready; next: ${statusCommand(environment)}`, 1);
  }
  return null;
}

/** The sale that is to be rehearsed or aimed at must not be selling, nor begin to while this runs. */
export async function checkNotLive(
  context: CommandContext,
  saleId: string,
  now: { nowMs: number; durationSeconds: number },
): Promise<void> {
  const stock = await context.stock.sale(saleId);
  if (stock === null) return;
  const state = effectiveState(stock.state, stock.opensAtMs, stock.closesAtMs, now.nowMs);
  if (state === 'open' || state === 'sold_out' || state === 'paused') {
    throw new CliError(`${saleId} is live (${state}): a load test on it would sell it. Nothing was sent`, 2);
  }
  const opensInMs = stock.opensAtMs - now.nowMs;
  const neededMs = now.durationSeconds * 1000 + 120_000;
  if (state === 'upcoming' && opensInMs < neededMs) {
    const minutes = Math.round(opensInMs / 60_000);
    throw new CliError(
      `${saleId} opens in ${minutes} min: this load test may not be over by then. Nothing was sent`,
      2,
    );
  }
}

/** A name for the shadow sale: nobody's yet. */
export async function checkNewSale(context: CommandContext, saleId: string): Promise<void> {
  if (!isShadowSale(saleId) || !saleIdPattern.test(saleId)) {
    const rehearse = `"seckill loadtest rehearsal ${saleId}" rehearses a sale`;
    throw new CliError(
      `--sale ${saleId}: a load test sells only sales of its own, "${shadowSalePrefix}…"; ${rehearse}`,
      2,
    );
  }
  if ((await context.catalogue.find(saleId)) !== null || (await context.stock.sale(saleId)) !== null) {
    throw new CliError(`--sale ${saleId}: there is such a sale already, choose a new name or leave it out`, 2);
  }
}

/** Sales that people are buying in now, on the same stack; demo sales and those of load tests do not count. */
export async function checkNobodyElse(context: CommandContext, nowMs: number, accepted: boolean): Promise<void> {
  if (accepted) return;
  const others: string[] = [];
  for (const saleId of await context.stock.sales()) {
    if (isShadowSale(saleId) || /^demo-\d+$/.test(saleId)) continue;
    const stock = await context.stock.sale(saleId);
    if (stock === null) continue;
    if (effectiveState(stock.state, stock.opensAtMs, stock.closesAtMs, nowMs) === 'open') others.push(saleId);
  }
  if (others.length === 0) return;
  const list = `${others.slice(0, 3).join(', ')}${others.length > 3 ? ', …' : ''}`;
  throw new CliError(
    `${list} on this stack is live: its shoppers would feel the load. Close it, use another stack, or say --beside-live-sales`,
    2,
  );
}

/** Each virtual user holds up to four connections, one for each request of a visit. The limit is this process's own; k6 inherits it. Linux only. */
export async function checkFileLimit(virtualUsers: number): Promise<void> {
  const needed = virtualUsers * 4 + 500;
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => null);
  const soft = limitIn(text ?? '', 'Max open files', 'soft');
  if (soft !== undefined && Number(soft) < needed) {
    throw new CliError(
      `this shell allows ${soft} open files, and k6 may need ${needed}: run "ulimit -n ${needed}" first`,
      78,
    );
  }
}

type Load = { scenarios: Readonly<Record<string, Scenario>>; localIps: string | null };

/** An edge in maintenance refuses everything. */
export function checkNoMaintenance(edges: readonly EdgeNode[]): void {
  const resting = edges.find(({ maintenance }) => maintenance);
  if (resting === undefined) return;
  throw new CliError(
    `${resting.edgeId} is in maintenance and would refuse everything: "seckill edge maintenance off" ends it`,
    2,
  );
}

/**
 * Challenges, tickets, purchases and looks at an order count by the address that they come from, on each edge: k6's own,
 * or one of a virtual user. A limit that would refuse a part of the crowd is named before anything is sent. All of it may
 * meet one edge.
 */
export function checkEdgeLimits(edges: readonly EdgeNode[], { scenarios, localIps }: Load): void {
  const perAddress = localIps === null ? maxCountedASecond(scenarios) : maxOfOneUser(scenarios);
  for (const { edgeId, limits } of edges) {
    const { addressPerSecond } = limits;
    if (addressPerSecond === undefined || perAddress <= addressPerSecond) continue;
    const needed = Math.ceil(perAddress);
    throw new CliError(
      `${edgeId} lets ${addressPerSecond} requests a second through from one address (addressPerSecond), and this load test sends up to ${needed} from ${localIps === null ? 'its only one' : 'each of its own'}: most would be refused. Send fewer, or raise it meanwhile: seckill edge set addressPerSecond ${needed}, and addressBurst with it`,
      2,
    );
  }
}

/** What the report says of edges that make no tickets: their figures are those of the gateway's. */
export function officeNotes(edges: readonly EdgeNode[]): string[] {
  const without = edges.filter(({ hasOffice }) => !hasOffice).map(({ edgeId }) => edgeId);
  if (without.length === 0) return [];
  return [
    `${without.join(', ')} made no tickets when this began, so a gateway made them, at many times the cost: docs/runbook.md, SeckillEdgeMakesNoTickets.`,
  ];
}

/** A proof of work of a calm sale, by k6: 16 rounds of 2^12 hashes, measured at 2 to 5 µs each. */
const workCoreSeconds = 0.25;

/** Each shopper's machine does the work of one; k6 does that of all. */
export function checkWork(scenarios: Load['scenarios'], cores: number): void {
  const perSecond = maxAskersASecond(scenarios);
  const canDo = cores / 2 / workCoreSeconds;
  if (perSecond <= canDo) return;
  throw new CliError(
    `the sale asks for proof of work, which k6 has to do for all: ${Math.ceil(perSecond)} shoppers a second would ask, and half of this machine's ${counted(cores, 'core')} can do it for about ${Math.floor(canDo)}. Send fewer shoppers over a longer time, or leave challenges and tickets out with --minted`,
    2,
  );
}
