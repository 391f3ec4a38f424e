import type { Seal } from '#order-worker/details/seal.ts';
import { CliError } from '../kit/cli-error.ts';
import { commandConfig } from '../kit/command-config.ts';

/** What opens contact and address here; without a key it says how to give one. */
export async function sealOf(environment: Record<string, string | undefined>): Promise<Seal> {
  const { createSeal } = await import('#order-worker/details/seal.ts');
  const seal = createSeal(commandConfig(['SECKILL_PERSONAL_KEYS'], environment).SECKILL_PERSONAL_KEYS ?? []);
  if (seal === null)
    throw new CliError('contact and address are sealed: set SECKILL_PERSONAL_KEYS as order-worker has it', 78);
  return seal;
}
