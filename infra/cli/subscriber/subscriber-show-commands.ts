import type { Command } from 'commander';
import { ulid } from 'ulid';
import { CliError } from '../kit/cli-error.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { answerText, orderText, shownSubscriber, subscribersTable, subscriberText } from './subscriber-view.ts';
import { findSubscriber, withSubscribers } from './with-subscribers.ts';

export function registerSubscriberShow(subscriber: Command): void {
  const command = (name: string) => subscriber.command(name).addOption(jsonOption()).addOption(dirOption());

  command('list')
    .description('every subscriber, its state and its backlog')
    .action((_options, command: Command) =>
      withSubscribers(command, async ({ subscribers, output }) => {
        const states = await Promise.all((await subscribers.list()).map(subscribers.state));
        output.result(states.map(shownSubscriber), subscribersTable(states, output.width));
      }),
    );

  command('show')
    .argument('<name>')
    .option('--order <orderId>', 'what it was told of one order, and what it still has to be')
    .description('everything about one subscriber')
    .action((name: string, options: { order?: string }, command: Command) =>
      withSubscribers(command, async (context) => {
        const { subscribers, output } = context;
        const found = await findSubscriber(context, name);
        if (options.order !== undefined) {
          const order = await subscribers.order(found, options.order);
          if (order.events.length === 0) throw new CliError(`there is no order "${options.order}" in the database`, 2);
          output.result(order, orderText(options.order, order, output.width));
          return;
        }
        const [state, replays] = await Promise.all([subscribers.state(found), subscribers.replays(found.id)]);
        output.result({ ...shownSubscriber(state), replays }, subscriberText(state, replays));
      }),
    );

  command('test')
    .argument('<name>')
    .description('send a signed order.test event from this machine, and tell what came back')
    .action((name: string, _options, command: Command) =>
      withSubscribers(command, async (context) => {
        const found = await findSubscriber(context, name);
        const answer = await context.subscribers.test(found, ulid());
        context.output.result(answer, answerText(answer, found.url));
        if (answer.kind !== 'delivered') context.run.exitCode = 1;
      }),
    );
}
