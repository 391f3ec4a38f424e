import type { Command } from 'commander';
import { moneyText } from '#contract/money-text.ts';
import { isShadowSale, shadowSalePrefix } from '#contract/shadow-sale.ts';
import { counted } from '#runtime/counted.ts';
import { readUsual } from '#sales/usual.ts';
import { carryOut } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import { commandConfig } from '../kit/command-config.ts';
import type { CommandContext } from '../kit/connections.ts';
import { readPicture, readSaleFile, toNewSale } from './sale-file.ts';
import { unusualOf } from './unusual.ts';
import { withoutQuiz } from './without-quiz.ts';

/** Creates a sale from a file, after everything that could refuse it was looked at. */
export async function createSale(
  file: string,
  command: Command,
  { catalogue, pool, output, environment }: Pick<CommandContext, 'catalogue' | 'pool' | 'output' | 'environment'>,
): Promise<void> {
  const written = await readSaleFile(file);
  if (isShadowSale(written.saleId)) {
    const says = `a saleId that begins with "${shadowSalePrefix}" is a load test's: no order of it is charged`;
    throw new CliError(`${says}: choose another one, or see "seckill loadtest --help"`, 2);
  }
  const picture = await readPicture(written, file);
  const secret = () => commandConfig(['SECKILL_CHALLENGE_SECRET'], environment).SECKILL_CHALLENGE_SECRET;
  const sale = toNewSale(written, secret);
  const { saleId, units, price, opensAt, closesAt } = sale;
  const taken = new CliError(`a sale "${saleId}" exists already: choose another saleId`, 2);
  if ((await catalogue.find(saleId)) !== null) throw taken;
  const because = unusualOf(sale, await readUsual(pool, price.currency, saleId));
  await carryOut(command, output, {
    will: `create ${saleId}, ${counted(units, 'unit')} at ${moneyText(price)}, ${opensAt} to ${closesAt}`,
    facts: { saleId, units, price, opensAt, closesAt, picture: picture !== null },
    unusual: because.length === 0 ? undefined : { name: saleId, because },
    apply: async () => {
      if (!(await catalogue.create(sale, picture))) throw taken;
      output.result(
        { ...withoutQuiz(sale), picture: picture !== null, state: 'draft', epoch: 0 },
        `created ${saleId} (draft); next: seckill stock preload ${saleId}`,
      );
    },
  });
}
