import type { Command } from 'commander';
import { registerSubscriberAdd } from './subscriber-add-commands.ts';
import { registerSubscriberListen } from './subscriber-listen.ts';
import { registerSubscriberReplay } from './subscriber-replay.ts';
import { registerSubscriberShow } from './subscriber-show-commands.ts';
import { registerSubscriberSteering } from './subscriber-steer-commands.ts';

export function registerSubscriberCommands(program: Command): void {
  const subscriber = program
    .command('subscriber')
    .description('who is told about orders, by signed webhooks: docs/subscribers.md');
  for (const register of [
    registerSubscriberAdd,
    registerSubscriberShow,
    registerSubscriberSteering,
    registerSubscriberReplay,
    registerSubscriberListen,
  ]) {
    register(subscriber);
  }
}
