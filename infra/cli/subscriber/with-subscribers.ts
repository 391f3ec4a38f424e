import type { Command } from 'commander';
import type { SubscriberManager } from '#order-worker/subscribers/manage.ts';
import type { Subscriber } from '#order-worker/subscribers/subscriber-store.ts';
import { CliError } from '../kit/cli-error.ts';
import { type CommandContext, withConnections } from '../kit/connections.ts';

export type SubscriberContext = CommandContext & { subscribers: SubscriberManager };

/** {@link withConnections} for commands about subscribers. The others need not load what calls webhooks. */
export const withSubscribers = (command: Command, action: (context: SubscriberContext) => Promise<void>) =>
  withConnections(command, async (context) => {
    const { manageSubscribers } = await import('#order-worker/subscribers/manage.ts');
    const { pool, queueRedis: redis } = context;
    await action({ ...context, subscribers: manageSubscribers({ pool, redis, now: Date.now }) });
  });

/** A subscriber by its name, or a clear word that there is none. */
export async function findSubscriber(
  { subscribers }: Pick<SubscriberContext, 'subscribers'>,
  name: string,
): Promise<Subscriber> {
  const found = await subscribers.find(name);
  if (found === null) throw new CliError(`there is no subscriber "${name}": see "seckill subscriber list"`, 2);
  return found;
}
