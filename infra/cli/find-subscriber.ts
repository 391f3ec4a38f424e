import type { Subscriber } from '#order-worker/subscribers/subscriber-store.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './connections.ts';

/** A subscriber by its name, or a clear word that there is none. */
export async function findSubscriber(
  { subscribers }: Pick<CommandContext, 'subscribers'>,
  name: string,
): Promise<Subscriber> {
  const found = await subscribers.find(name);
  if (found === null) throw new CliError(`there is no subscriber "${name}": see "seckill subscriber list"`, 2);
  return found;
}
