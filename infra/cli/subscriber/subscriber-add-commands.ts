import type { Command } from 'commander';
import type { OrderEventType } from '#contract/order-events.ts';
import { type DeliverySettings, defaultDelivery, maxSubscribers } from '#contract/subscribers.ts';
import { counted } from '#runtime/counted.ts';
import { newWebhookSecret } from '#runtime/standard-webhooks.ts';
import { carryOut, changes } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import { eventTypes, retrySchedule, subscriberName } from './subscriber-options.ts';
import { shownSubscriber, subscriberText } from './subscriber-view.ts';
import { findSubscriber, type SubscriberContext, withSubscribers } from './with-subscribers.ts';

type ServingOptions = {
  rate?: number | null;
  concurrency?: number;
  batch?: number;
  retry?: DeliverySettings['retry'];
  allowInner?: boolean;
  personal?: boolean;
};

/** The URL as it is stored; refuses one that may not be used, and warns of a name that nobody here knows. */
async function acceptedUrl(
  context: SubscriberContext,
  text: string,
  options: { allowInner: boolean; personal: boolean },
): Promise<string> {
  const { checkSubscriberUrl } = await import('#order-worker/subscribers/subscriber-url.ts');
  const check = await checkSubscriberUrl(text, options);
  if (check.kind === 'refused') throw new CliError(`${check.says}; nothing was changed`, 2);
  if (check.kind === 'unresolved') context.output.progress(`warning: ${check.says}; the workers may know it`);
  return check.url;
}

function servingOf(options: ServingOptions, now: DeliverySettings): DeliverySettings {
  const { rate, concurrency, batch, retry } = options;
  return {
    ratePerSecond: rate === undefined ? now.ratePerSecond : rate,
    concurrency: concurrency ?? now.concurrency,
    batchSize: batch ?? now.batchSize,
    retry: retry ?? now.retry,
  };
}

const rateArgument = (text: string) => (text === 'off' ? null : wholeNumber(1, 100_000)(text));

/** The options of how a subscriber is served, on a command that sets them. */
const withServing = (command: Command) =>
  command
    .option('--rate <n/s>', 'orders a second at most, or "off" (default: off)', rateArgument)
    .option('--concurrency <n>', `requests at a time (default: ${defaultDelivery.concurrency})`, wholeNumber(1, 200))
    .option('--batch <n>', 'events a request: more than 1 sends CloudEvents batches (default: 1)', wholeNumber(1, 1000))
    .option('--retry <schedule>', 'tries, first and longest wait between them (default: 16,10s,2h)', retrySchedule)
    .option('--allow-inner', 'its URL may point into the inner network (loopback, private addresses)')
    .option('--personal', 'it gets contact and address of shoppers, from order.paid on; https only')
    .addOption(jsonOption())
    .addOption(dirOption());

export function registerSubscriberAdd(subscriber: Command): void {
  withServing(changes(subscriber.command('add').argument('<name>', 'a-z, 0-9 and hyphen', subscriberName)))
    .argument('<url>', 'where events are posted to')
    .option('--events <types>', 'types with commas between them, or "all" (default: all)', eventTypes)
    .description('add a subscriber; it gets every event from now on. Its secret is shown once')
    .action(
      (name: string, url: string, options: ServingOptions & { events?: OrderEventType[] | null }, command: Command) =>
        withSubscribers(command, async (context) => {
          const { subscribers, output } = context;
          const allowInner = options.allowInner === true;
          const personal = options.personal === true;
          const secret = newWebhookSecret();
          const added = {
            ...servingOf(options, defaultDelivery),
            name,
            url: await acceptedUrl(context, url, { allowInner, personal }),
            allowInner,
            personal,
            types: options.events ?? null,
            secret,
          };
          const { types, secret: _, ...shown } = added;
          const taken = new CliError(`a subscriber "${name}" exists already: see "seckill subscriber show ${name}"`, 2);
          if ((await subscribers.find(name)) !== null) throw taken;
          await carryOut(command, output, {
            will: `add ${name}, which gets ${types?.join(', ') ?? 'every event'}${personal ? ', with contact and address,' : ''} from then on at ${added.url}`,
            facts: { ...shown, events: types ?? 'all' },
            apply: async () => {
              const outcome = await subscribers.add(added);
              if (outcome === 'taken') throw taken;
              if (outcome === 'too many') {
                throw new CliError(`there are ${maxSubscribers} subscribers: remove one first`, 2);
              }
              output.result(
                { ...shown, secret, events: types ?? 'all' },
                [
                  `added ${name}; it gets every event from now on`,
                  `secret  ${secret}`,
                  'It is not shown again: give it to the subscriber, who verifies with it what we send.',
                  `next: seckill subscriber test ${name}`,
                ].join('\n'),
              );
            },
          });
        }),
    );

  withServing(changes(subscriber.command('set').argument('<name>')))
    .option('--url <url>', 'another address')
    .option('--no-personal', 'it gets contact and address of shoppers no more')
    .description('change how a subscriber is served; what waits for it stays')
    .action((name: string, options: ServingOptions & { url?: string }, command: Command) =>
      withSubscribers(command, async (context) => {
        const { subscribers, output } = context;
        const before = await findSubscriber(context, name);
        const allowInner = options.allowInner ?? before.allowInner;
        const personal = options.personal ?? before.personal;
        const isSame = options.url === undefined && personal === before.personal;
        const url = isSame
          ? before.url
          : await acceptedUrl(context, options.url ?? before.url, { allowInner, personal });
        const next = { ...servingOf(options, before), url, allowInner, personal };
        const differs = Object.entries(next).flatMap(([field, value]) => {
          const was = Reflect.get(before, field) as unknown; // a setting of a subscriber, by its name
          const [from, to] = [JSON.stringify(was), JSON.stringify(value)];
          return from === to ? [] : [`${field}: ${from} -> ${to}`];
        });
        await carryOut(command, output, {
          will: `change ${counted(differs.length, 'setting')} of ${name}`,
          details: differs,
          facts: { name, after: next },
          apply: async () => {
            await subscribers.change(name, next);
            const state = await subscribers.state(await findSubscriber(context, name));
            output.result(shownSubscriber(state), subscriberText(state, []));
          },
        });
      }),
    );
}
