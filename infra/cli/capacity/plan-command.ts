import type { Command } from 'commander';
import type { Crowd } from '../../capacity/plan.ts';
import { CliError } from '../kit/cli-error.ts';
import { jsonOption, wholeNumber } from '../kit/options.ts';
import { runOf } from '../kit/run.ts';

type Options = {
  shoppers: number;
  units: number;
  openIn: number;
  within: number;
  presses: number;
  storeWithin: number;
  workersPerEdge: number;
  utilisation: number;
  replicated?: boolean;
  json?: boolean;
};

/** Needs no stack: the figures are the measured ones in loadtest/results. */
export function registerPlanCommand(program: Command): void {
  program
    .command('plan')
    .description('how many edges, services and workers a sale needs, from measured costs, and which part gives first')
    .requiredOption('--shoppers <n>', 'how many will come', wholeNumber(1, 1_000_000_000))
    .requiredOption('--units <n>', 'how many units there are', wholeNumber(1, 100_000_000))
    .requiredOption(
      '--open-in <seconds>',
      'time until the opening: all come for page and ticket in it',
      wholeNumber(1, 86_400 * 30),
    )
    .option('--within <seconds>', 'time in which all press buy', wholeNumber(1, 3600), 10)
    .option('--presses <n>', 'how often each presses, retries included', wholeNumber(1, 1000), 2)
    .option('--store-within <seconds>', 'time in which the orders shall be in the database', wholeNumber(1, 86_400), 60)
    .option('--workers-per-edge <n>', 'nginx workers of one edge, a core each', wholeNumber(1, 128), 4)
    .option('--utilisation <percent>', 'how busy a part may be in the plan', wholeNumber(1, 100), 60)
    .option('--replicated', 'two replicas follow stock Redis, and a yes waits for one')
    .addOption(jsonOption())
    .action(async (options: Options, command: Command) => {
      const { json = false, replicated = false, openIn, within, storeWithin, utilisation, ...others } = options;
      const crowd: Crowd = {
        ...{ shoppers: others.shoppers, units: others.units, presses: others.presses },
        ...{ workersPerEdge: others.workersPerEdge, isReplicated: replicated },
        ...{
          openInSeconds: openIn,
          withinSeconds: within,
          storeWithinSeconds: storeWithin,
          utilisation: utilisation / 100,
        },
      };
      const { ResultError, readCosts } = await import('../../capacity/costs.ts');
      const { describePlan } = await import('../../capacity/describe-plan.ts');
      const { readNginxLimits } = await import('../../capacity/edge-limits.ts');
      const { planFor } = await import('../../capacity/plan.ts');
      const { createOutput } = await import('../kit/output.ts');
      const costs = await readCosts().catch((error: unknown) => {
        throw error instanceof ResultError ? new CliError(error.message, 78) : error;
      });
      const plan = planFor(crowd, costs, await readNginxLimits());
      const output = createOutput(runOf(command), json);
      output.result({ ...plan, costs }, describePlan(plan, costs, output.width));
    });
}
