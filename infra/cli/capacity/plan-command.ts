import { type Command, Option } from 'commander';
import type { Crowd } from '../../capacity/plan.ts';
import type { ChallengeKind, CrowdSignIn } from '../../capacity/shopper-costs.ts';
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
  signIn: CrowdSignIn;
  challenge: ChallengeKind;
  replicated?: boolean;
  json?: boolean;
};

// Named here once more: help is told without what the plan stands on.
const signIns = ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256', 'demo'] satisfies CrowdSignIn[];
const challenges = ['sum', 'quiz', 'pow', 'none'] satisfies ChallengeKind[];

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
    .addOption(
      new Option('--sign-in <name>', "what signs the shoppers' tokens; demo: by HS256, and the gateway makes the users")
        .choices(signIns)
        .default('RS256'),
    )
    .addOption(
      new Option(
        '--challenge <kind>',
        "what stands before a ticket: a sum, the sale's own quiz, proof of work, nothing",
      )
        .choices(challenges)
        .default('sum'),
    )
    .option('--replicated', 'two replicas follow stock Redis, and a yes waits for one')
    .addOption(jsonOption())
    .action(async (options: Options, command: Command) => {
      const { json = false, replicated = false, openIn, within, storeWithin, utilisation, ...others } = options;
      const crowd: Crowd = {
        ...{ shoppers: others.shoppers, units: others.units, presses: others.presses },
        ...{ workersPerEdge: others.workersPerEdge, isReplicated: replicated },
        ...{ signIn: others.signIn, challenge: others.challenge },
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
