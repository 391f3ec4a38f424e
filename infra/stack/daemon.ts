import { writeSync } from 'node:fs';
import { z } from 'zod';
import { cdcSinkNames } from '#contract/cdc.ts';
import { messageOf, StackError } from './host/errors.ts';
import { startStack } from './start-stack.ts';
import { describeEvent, type StackEvent } from './supervise/events.ts';

/**
 * Entry of the detached supervisor: `node daemon.ts <JSON options>`, started by detached.ts with an IPC channel. It
 * tells its launcher what happens until the stack is up, then lets go of it. A launcher that dies before that takes
 * the half-started stack with it.
 */
const optionsSchema = z.object({
  dir: z.string(),
  port: z.int().optional(),
  services: z.int().optional(),
  edges: z.int().optional(),
  ha: z.boolean().optional(),
  cdc: z.enum(cdcSinkNames).optional(),
});

/** What the daemon sends to its launcher. */
export type DaemonMessage =
  | { type: 'event'; event: StackEvent }
  | { type: 'failed'; kind: StackError['kind']; message: string };

const options = optionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const { dir, port, services, edges, ha, cdc } = options;

/** Resolves when the message has left: the process may end right after it. */
const tell = (message: DaemonMessage) =>
  new Promise<void>((resolve) => {
    if (process.connected) process.send?.(message, undefined, {}, () => resolve());
    else resolve();
  });
const log = (text: string) => {
  try {
    writeSync(1, `${new Date().toISOString()} ${text}\n`);
  } catch {
    // The disk is full: a line for people ends no supervisor.
  }
};
const onEvent = (event: StackEvent) => {
  log(describeEvent(event));
  void tell({ type: 'event', event }); // a launcher that is gone is noticed by `disconnect`
};

const cancelled = new AbortController();
let stop = (reason: string): void => cancelled.abort(new StackError('failed', `the start was cancelled: ${reason}`));
process.on('SIGTERM', () => stop('SIGTERM'));
process.on('SIGINT', () => stop('SIGINT'));
process.on('SIGHUP', () => undefined); // the terminal that it was started from is gone: so what
const onDisconnect = () => stop('its launcher is gone');
process.on('disconnect', onDisconnect);

try {
  const stack = await startStack({
    dir,
    environment: process.env,
    onEvent,
    signal: cancelled.signal,
    ...(port === undefined ? {} : { port }),
    ...(services === undefined ? {} : { services }),
    ...(edges === undefined ? {} : { edges }),
    ...(ha === undefined ? {} : { ha }),
    ...(cdc === undefined ? {} : { cdc }),
  });
  let isStopping = false;
  stop = (reason) => {
    if (isStopping) return;
    isStopping = true;
    onEvent({ type: 'stopping', reason });
    void stack.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log(`could not stop in order: ${messageOf(error)}`);
        process.exit(1);
      },
    );
  };
  process.off('disconnect', onDisconnect);
  if (cancelled.signal.aborted) stop('cancelled as it came up');
  else if (process.connected) process.disconnect();
} catch (error) {
  const kind = error instanceof StackError ? error.kind : 'failed';
  const message = messageOf(error);
  log(message);
  await tell({ type: 'failed', kind, message });
  process.exit(kind === 'configuration' ? 78 : 1);
}
