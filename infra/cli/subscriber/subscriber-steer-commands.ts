import type { Command } from 'commander';
import { counted } from '#runtime/counted.ts';
import { newWebhookSecret } from '#runtime/standard-webhooks.ts';
import { carryOut, changes } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { duration } from './subscriber-options.ts';
import { findSubscriber, withSubscribers } from './with-subscribers.ts';

const graceDefault = '24h';

export function registerSubscriberSteering(subscriber: Command): void {
  const named = (name: string, asks: Parameters<typeof changes>[1] = 'never') =>
    changes(subscriber.command(name).argument('<name>'), asks).addOption(jsonOption()).addOption(dirOption());

  named('pause')
    .description('send it nothing for now; what happens is kept for it')
    .action((name: string, _options, command: Command) =>
      withSubscribers(command, async (context) => {
        const { state } = await findSubscriber(context, name);
        const already = new CliError(`${name} is ${state} already`, 2);
        if (state !== 'active') throw already;
        await carryOut(command, context.output, {
          will: `send nothing to ${name} from now on; what happens is kept for it`,
          facts: { name, from: state, to: 'paused' },
          apply: async () => {
            if (!(await context.subscribers.pause(name, null))) throw already;
            const text = `paused ${name}: requests under way end, no new one begins`;
            context.output.result({ name, state: 'paused' }, text);
          },
        });
      }),
    );

  named('resume')
    .description('go on, with everything that was kept')
    .action((name: string, _options, command: Command) =>
      withSubscribers(command, async (context) => {
        const found = await findSubscriber(context, name);
        const notPaused = new CliError(`${name} is ${found.state}, not paused`, 2);
        if (found.state !== 'paused') throw notPaused;
        const { backlog } = await context.subscribers.state(found);
        await carryOut(command, context.output, {
          will: `send events to ${name} again, first of ${counted(backlog, 'order that waits', 'orders that wait')}`,
          facts: { name, from: found.state, to: 'active', backlog },
          apply: async () => {
            if (!(await context.subscribers.resume(name))) throw notPaused;
            context.output.result({ name, state: 'active' }, `resumed ${name}`);
          },
        });
      }),
    );

  named('rotate-secret', 'always')
    .option('--grace <time>', 'how long the old secret signs as well', duration)
    .description(`give it a new secret, shown once; the old one signs too for a while (default: ${graceDefault})`)
    .action((name: string, { grace = duration(graceDefault) }: { grace?: number }, command: Command) =>
      withSubscribers(command, async (context) => {
        await findSubscriber(context, name);
        const until = new Date(Date.now() + grace).toISOString();
        await carryOut(command, context.output, {
          will: `replace the secret of ${name}; the old one is good until ${until}`,
          facts: { name, oldSecretUntil: until },
          asks: true,
          apply: async () => {
            const secret = newWebhookSecret();
            await context.subscribers.rotateSecret(name, secret, grace);
            context.output.result(
              { name, secret, oldSecretUntil: until },
              `secret  ${secret}\nIt is not shown again. The old one signs too until ${until}.`,
            );
          },
        });
      }),
    );

  named('remove', 'always')
    .description('take a subscriber away, with everything that waits for it')
    .action((name: string, _options, command: Command) =>
      withSubscribers(command, async (context) => {
        const { subscribers, output } = context;
        const found = await findSubscriber(context, name);
        const { backlog } = await subscribers.state(found);
        await carryOut(command, output, {
          will: `remove ${name} (${found.url}), to which events of ${counted(backlog, 'order')} were not delivered`,
          facts: { name, url: found.url, backlog },
          asks: true,
          apply: async () => {
            let forgotten = 0;
            await subscribers.remove(found, (orders) => {
              forgotten += orders;
              output.progress(`${counted(forgotten, 'order')} forgotten`);
            });
            output.result({ name, forgotten }, `removed ${name}`);
          },
        });
      }),
    );
}
