import type { Command } from 'commander';
import type { openConnections as open } from './open-connections.ts';
import type { Output } from './output.ts';
import { type CliRun, runOf } from './run.ts';

/**
 * What a command works with. The CLI connects to Redis, ZooKeeper, the queue and PostgreSQL itself, so it works while a
 * service is down. Addresses come from `SECKILL_*` variables, or from the stack on this machine.
 */
export type Connections = Awaited<ReturnType<typeof open>>;

/** Loads the drivers first: a command that only tells of itself does without them. */
export async function openConnections(environment: Record<string, string | undefined>): Promise<Connections> {
  return (await import('./open-connections.ts')).openConnections(environment);
}

/** `environment`: the settings in force; what else the caller set is in `run`. */
export type CommandContext = Connections & {
  environment: Record<string, string | undefined>;
  output: Output;
  run: CliRun;
};

/**
 * Runs a command's action with its connections open, and closes them in any case. What that takes is loaded here: a
 * command that is asked for its help does without.
 */
export async function withConnections(
  command: Command,
  action: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const { json = false, dir } = command.opts<{ json?: boolean; dir?: string }>();
  const run = runOf(command);
  const [{ commandEnvironment }, { createOutput }] = await Promise.all([
    import('./command-environment.ts'),
    import('./output.ts'),
  ]);
  const environment = await commandEnvironment(run, dir);
  const connections = await openConnections(environment);
  try {
    await action({ ...connections, environment, output: createOutput(run, json), run });
  } catch (error) {
    throw connections.explain(error);
  } finally {
    await connections.close();
  }
}
