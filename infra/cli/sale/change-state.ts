import type { Command } from 'commander';
import { counted } from '#runtime/counted.ts';
import { type EdgesInStep, edgesInStep } from '#sales/edges.ts';
import { changeSaleState } from '#sales/sale-state.ts';
import { nextState } from '#stock/next-state.ts';
import type { SaleAction, SetStateOutcome } from '#stock/outcomes.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import { carryOut } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import type { CommandContext } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { guardOpening } from './run-sale-check.ts';

export type StateOptions = { now?: boolean; force?: boolean };

/** Changes the state of a sale, or says what it would change. `done`: what it is afterwards, in words. */
export async function changeState(
  context: CommandContext,
  self: Command,
  { saleId, name, done }: { saleId: string; name: SaleAction; done: string },
  options: StateOptions,
): Promise<void> {
  const current = await stateThatMayChange(context, saleId, name);
  const next = nextState(current, name, options.now);
  refuse(saleId, name, next);
  // What is no draft any more is open already, or cannot be opened.
  const opens = name === 'open' && (current.state === 'draft' || options.now === true);
  if (opens) await guardOpening(context, saleId, options.force === true);
  await carryOut(self, context.output, {
    will: willText(saleId, name, current, next, options),
    facts: { saleId, from: current.state, to: next.state, epoch: current.epoch },
    asks: name === 'close',
    apply: () => apply(context, saleId, { name, done, openNow: options.now ?? false }),
  });
}

/** What counts is in stock Redis: a sale can be stopped while the catalogue is away. */
async function stateThatMayChange(context: CommandContext, saleId: string, action: SaleAction): Promise<StockSale> {
  const current = await context.stock.sale(saleId);
  if (current === null) {
    await findSale(context, saleId);
    throw new CliError(`${saleId} has no stock yet: run "seckill stock preload ${saleId}" first`, 2);
  }
  if (action !== 'close' && current.closesAtMs <= Date.now()) {
    const endedAt = new Date(current.closesAtMs).toISOString();
    throw new CliError(`the window of ${saleId} ended at ${endedAt}: create a new sale`, 2);
  }
  return current;
}

function willText(
  saleId: string,
  action: SaleAction,
  current: StockSale,
  next: ReturnType<typeof nextState>,
  { now = false }: StateOptions,
): string {
  if (next.kind === 'already') return `leave ${saleId} as it is: ${current.state}, epoch ${current.epoch}`;
  const when = now ? 'at once' : `at ${new Date(current.opensAtMs).toISOString()}`;
  const what = {
    open: `put ${saleId} on sale ${when}, ${current.free} of ${counted(current.total, 'unit')}`,
    pause: `stop selling ${saleId}, ${current.free} of ${counted(current.total, 'unit')} left`,
    resume: `go on selling ${saleId}, ${current.free} of ${counted(current.total, 'unit')}`,
    close: `close ${saleId} for good, ${current.free} of ${counted(current.total, 'unit')} unsold`,
  }[action];
  return `${what} (state ${current.state} -> ${next.state}, epoch ${current.epoch} -> ${current.epoch + 1})`;
}

async function apply(
  context: CommandContext,
  saleId: string,
  { name, done, openNow }: { name: SaleAction; done: string; openNow: boolean },
): Promise<void> {
  const { outcome, notTold } = await changeSaleState(context, saleId, name, openNow);
  if (outcome.kind === 'sale_unknown') throw new CliError(`the stock of ${saleId} is gone: see "seckill audit"`, 2);
  refuse(saleId, name, outcome);
  const edges = notTold.includes('zookeeper')
    ? null
    : await edgesInStep(context.zookeeper, saleId, outcome.epoch).catch(() => null); // told below
  const word = outcome.kind === 'already' ? `was ${outcome.state} already` : done;
  context.output.result(
    { saleId, state: outcome.state, epoch: outcome.epoch, changed: outcome.kind === 'done', notTold, edges },
    `${saleId} ${word} (state ${outcome.state}, epoch ${outcome.epoch}); ${edgesText(edges)}`,
  );
}

function refuse(
  saleId: string,
  action: SaleAction,
  outcome: Pick<Exclude<SetStateOutcome, { kind: 'sale_unknown' }>, 'kind' | 'state'>,
): void {
  if (outcome.kind === 'faulty') {
    throw new CliError(
      `${saleId} was paused because its stock is in doubt: run "seckill stock rebuild ${saleId}" first`,
      2,
    );
  }
  if (outcome.kind === 'not_allowed') {
    const participle = { open: 'opened', pause: 'paused', resume: 'resumed', close: 'closed' }[action];
    throw new CliError(`${saleId} is ${outcome.state}: it cannot be ${participle}`, 2);
  }
}

function edgesText(edges: EdgesInStep | null): string {
  if (edges === null) return 'ZooKeeper could not be told from here: edges follow when the leading service tells it';
  const { inStep, behind } = edges;
  if (behind.length > 0)
    return `BEHIND: ${behind.join(', ')} (they follow when they are back; see "seckill edge show")`;
  return inStep.length === 0 ? 'no edge is connected' : `edges in step: ${inStep.join(', ')}`;
}
