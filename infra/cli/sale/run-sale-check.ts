import { stockReplicas } from '#contract/settings.ts';
import { whyUnreadable } from '#runtime/config.ts';
import { counted } from '#runtime/counted.ts';
import { FileProblem } from '#runtime/files/regular-file.ts';
import { readTextFile } from '#runtime/files/text-file.ts';
import type { CatalogueSale } from '#sales/catalogue.ts';
import type { TicketMeans } from '../../sale-check/check-tickets.ts';
import { blocking, type Finding, verdictMarks } from '../../sale-check/finding.ts';
import type { EdgePlaces } from '../../sale-check/reach-edges.ts';
import type { SaleCheck } from '../../sale-check/sale-check.ts';
import { readTicketKeys } from '../keys/ticket-keys-file.ts';
import { CliError } from '../kit/cli-error.ts';
import { commandConfig } from '../kit/command-config.ts';
import type { CommandContext } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { statusCommand } from '../kit/status-command.ts';

function findingText({ check, verdict, says, mend }: Finding): string {
  const line = `  ${verdictMarks[verdict]} ${check.padEnd(14)}  ${says}`;
  return mend === null ? line : `${line}\n${' '.repeat(23)}mend: ${mend}`;
}

/** What the check comes to, by what the sale is: only a draft is yet to be opened. */
function verdictText({ state, ok, checks }: SaleCheck): string {
  const trouble = `${blocking(checks).length} to mend`;
  if (state === 'draft') return ok ? 'ready to open' : `NOT READY, ${trouble}`;
  const is = { upcoming: 'opens by its clock', open: 'open', sold_out: 'sold out', paused: 'paused', closed: 'closed' }[
    state
  ];
  return ok ? `${is}, and all is well` : `${is}, but ${trouble}`.toUpperCase();
}

export function saleCheckText(report: SaleCheck): string {
  const { saleId, checks } = report;
  const warnings = checks.filter(({ verdict }) => verdict === 'warn').length;
  const more = warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`;
  return [`${saleId}: ${verdictText(report)}${more}`, ...checks.map(findingText)].join('\n');
}

/** A bastion may know neither; what it does know must be right. */
async function ticketMeans(environment: CommandContext['environment']): Promise<TicketMeans> {
  const isGiven = (name: string) => environment[name] !== undefined || environment[`${name}_FILE`] !== undefined;
  const secret = () => commandConfig(['SECKILL_SESSION_SECRET'], environment).SECKILL_SESSION_SECRET;
  return {
    sessionSecret: isGiven('SECKILL_SESSION_SECRET') ? secret() : null,
    keys: isGiven('SECKILL_TICKET_KEYS') ? await readTicketKeys(environment) : null,
  };
}

/** Where the edges are, for shoppers and from here. */
async function edgePlaces(environment: CommandContext['environment']): Promise<EdgePlaces> {
  const config = commandConfig(['SECKILL_EDGE_URLS', 'SECKILL_EDGE_CONNECT', 'SECKILL_EDGE_CA_FILE'], environment);
  const { SECKILL_EDGE_URLS: urls, SECKILL_EDGE_CONNECT: connect = null, SECKILL_EDGE_CA_FILE: file } = config;
  const one = environment.SECKILL_EDGE_URL === undefined ? [] : [environment.SECKILL_EDGE_URL];
  const authorities = file === undefined ? null : await readAuthorities(file);
  return { urls: connect === null ? (urls ?? one) : one, connect, authorities };
}

/** The certificates in the file that SECKILL_EDGE_CA_FILE names. Throws {@link CliError}. */
export async function readAuthorities(file: string): Promise<string> {
  const text = await readTextFile(file).catch((error: unknown) => {
    if (error instanceof FileProblem) throw new CliError(`SECKILL_EDGE_CA_FILE, ${file}: it ${error.message}`, 78);
    throw new CliError(`SECKILL_EDGE_CA_FILE cannot be read: ${whyUnreadable(error)}`, 78);
  });
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new CliError(`SECKILL_EDGE_CA_FILE, ${file}: there is no PEM certificate in it`, 78);
}

/** Runs every check of a sale, with what the environment says of edges and prices. */
export async function runSaleCheck(context: CommandContext, sale: CatalogueSale): Promise<SaleCheck> {
  const { environment } = context;
  const { SECKILL_PRICE_FLOOR: priceFloor } = commandConfig(['SECKILL_PRICE_FLOOR'], environment);
  const config = commandConfig(
    [
      'SECKILL_STOCK_REDIS_URL',
      'SECKILL_STOCK_REPLICAS',
      'SECKILL_QUEUE_REDIS_URL',
      'SECKILL_DATABASE_URL',
      'SECKILL_ZOOKEEPER',
    ],
    environment,
  );
  const { checkSale } = await import('../../sale-check/sale-check.ts'); // an HTTP client, for this command alone
  return checkSale(
    {
      ...context,
      edges: await edgePlaces(environment),
      statusCommand: statusCommand(environment),
      redisUrls: { stock: config.SECKILL_STOCK_REDIS_URL, queue: config.SECKILL_QUEUE_REDIS_URL },
      stockReplicas: stockReplicas(config),
      databaseUrl: config.SECKILL_DATABASE_URL,
      ensemble: config.SECKILL_ZOOKEEPER,
      priceFloor,
      tickets: await ticketMeans(environment),
    },
    sale,
  );
}

/** Before a sale is opened: refuses while something blocks; with `force` says so and goes on. */
export async function guardOpening(context: CommandContext, saleId: string, force: boolean): Promise<void> {
  const trouble = async () => {
    const { checks } = await runSaleCheck(context, await findSale(context, saleId));
    return blocking(checks).map(findingText);
  };
  // Forced, it must open although the database is away.
  const lines = await trouble().catch((error: unknown) => {
    if (!force || error instanceof CliError) throw error;
    return [`  ${error instanceof Error ? error.message : String(error)}`];
  });
  if (lines.length === 0) return;
  if (!force) {
    const see = `mend that, or open it all the same with --force (everything: seckill sale check ${saleId})`;
    throw new CliError(`${saleId} is not ready to open:\n${lines.join('\n')}\n${see}`, 1);
  }
  context.output.progress(`opening ${saleId} by force, although:\n${lines.join('\n')}`);
}
