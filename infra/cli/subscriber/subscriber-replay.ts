import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Replay } from '#order-worker/subscribers/replay-store.ts';
import type { Subscriber } from '#order-worker/subscribers/subscriber-store.ts';
import { counted } from '#runtime/counted.ts';
import { carryOut, changes } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { whenArgument } from './subscriber-options.ts';
import { replayText } from './subscriber-view.ts';
import { findSubscriber, type SubscriberContext, withSubscribers } from './with-subscribers.ts';

type ReplayOptions = { from?: number | Date; to?: number | Date; stop?: boolean; follow?: boolean };

export function registerSubscriberReplay(subscriber: Command): void {
  changes(subscriber.command('replay').argument('<name>'), 'always')
    .description('send the past again, marked as a replay, behind everything that is live')
    .option('--from <time|number>', 'the first event: a time, or its number ("sequence")', whenArgument)
    .option('--to <time|number>', 'the last one (default: the newest there is now)', whenArgument)
    .option('--follow', 'wait until it is done and show how far it is')
    .option('--stop', 'stop the replays of this subscriber that are running')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((name: string, options: ReplayOptions, command: Command) =>
      withSubscribers(command, async (context) => {
        const found = await findSubscriber(context, name);
        if (options.stop === true) {
          await stop(context, command, found);
          return;
        }
        const { fromSeq, toSeq } = await rangeOf(context, found, options);
        await carryOut(command, context.output, {
          will: `send ${name} the events with numbers ${fromSeq} to ${toSeq} again, ${toSeq - fromSeq + 1} at most`,
          facts: { name, fromSeq, toSeq },
          asks: true,
          apply: async () => {
            const replay = await context.subscribers.startReplay(found.id, fromSeq, toSeq);
            if (options.follow === true) return follow(context, found, replay);
            context.output.result(replay, `${replayText(replay)}\nsee how far it is: seckill subscriber show ${name}`);
          },
        });
      }),
    );
}

async function stop({ subscribers, output }: SubscriberContext, command: Command, found: Subscriber): Promise<void> {
  const { id, name } = found;
  const running = (await subscribers.replays(id)).filter(({ state }) => state === 'running');
  await carryOut(command, output, {
    will: `stop ${counted(running.length, 'replay')} of ${name}`,
    facts: { name, replays: running.map((replay) => replay.id) },
    apply: async () => {
      const stopped = await subscribers.stopReplays(id);
      output.result({ name, stopped }, `${counted(stopped, 'replay')} stopped; what is in the queue still goes out`);
    },
  });
}

/** What is to be sent again; refuses what makes no sense. */
async function rangeOf(context: SubscriberContext, { id }: Subscriber, options: ReplayOptions) {
  const { subscribers } = context;
  if (options.from === undefined) throw new CliError('from where? Add --from <time or number>', 2);
  const newest = await subscribers.lastSeq();
  const fromSeq = Math.max(1, await subscribers.seqOf(options.from));
  const toSeq = options.to === undefined ? newest : Math.min(newest, await lastAt(context, options.to));
  if (fromSeq > toSeq) throw new CliError(`there is no event from there on: the newest one is number ${newest}`, 2);
  const running = (await subscribers.replays(id)).find(({ state }) => state === 'running');
  if (running !== undefined) {
    throw new CliError(`a replay is running (${replayText(running)}): wait for it, or add --stop`, 2);
  }
  return { fromSeq, toSeq };
}

/** The last event before or at that moment. */
const lastAt = async ({ subscribers }: SubscriberContext, when: number | Date) =>
  typeof when === 'number' ? when : (await subscribers.seqOf(new Date(when.getTime() + 20_000))) - 1;

async function follow({ subscribers, output, run }: SubscriberContext, { id }: Subscriber, of: Replay): Promise<void> {
  const bar = output.bar('replayed', Math.max(1, of.toSeq - of.fromSeq + 1));
  try {
    for (let last = ''; ; await wait(500)) {
      const replay = (await subscribers.replays(id)).find((each) => each.id === of.id);
      if (replay === undefined) throw new CliError('the subscriber was removed meanwhile', 1);
      const text = replayText(replay);
      if (replay.state !== 'running') {
        bar.end();
        output.result(replay, text);
        if (replay.state !== 'done' || replay.failed > 0) run.exitCode = 1;
        return;
      }
      bar.at(replay.nextSeq - replay.fromSeq);
      if (text !== last && !bar.isShown) output.progress(text);
      last = text;
    }
  } finally {
    bar.end();
  }
}
