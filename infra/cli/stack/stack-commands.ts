import { setTimeout as wait } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { type CdcSinkName, cdcSinkNames } from '#contract/cdc.ts';
import { StackError } from '../../stack/host/errors.ts';
import { runDirectory } from '../../stack/host/run-directory.ts';
import { givenSettings } from '../../stack/plan/given-settings.ts';
import { defaultEdgePort, maxEdges, maxServices } from '../../stack/plan/plan.ts';
import { consoleOf, findRunningStack, stopStack } from '../../stack/running-stack.ts';
import { describeEvent, type OnEvent } from '../../stack/supervise/events.ts';
import { shellQuote } from '../../text/shell-quote.ts';
import { CliError } from '../kit/cli-error.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import { createOutput, type Output } from '../kit/output.ts';
import { runOf } from '../kit/run.ts';
import { consoleLine } from './console-command.ts';
import type { StackContext } from './stack-context.ts';

type UpOptions = {
  port?: number;
  services?: number;
  edges?: number;
  ha?: boolean;
  cdc?: CdcSinkName;
  foreground?: boolean;
};

const showEvent =
  ({ progress }: Output): OnEvent =>
  (event) =>
    progress(describeEvent(event));

/** `seckill up`, `down`, `status`: the stack on this machine. */
export function registerStackCommands(program: Command): void {
  const contextOf = (command: Command): StackContext => {
    const { dir, json = false } = command.opts<{ dir?: string; json?: boolean }>();
    const run = runOf(command);
    return { run, output: createOutput(run, json), dir: dir ?? run.environment.SECKILL_RUN_DIR };
  };

  program
    .command('up')
    .description('start the whole stack on this machine, and wait until it is ready')
    .option('--port <n>', `port of the edge on 127.0.0.1 (default: ${defaultEdgePort})`, wholeNumber(1, 65_535))
    .option('--services <n>', 'how many seckill-service processes (default: 1)', wholeNumber(1, maxServices))
    .option('--edges <n>', 'how many edges, each an nginx with its gateway (default: 1)', wholeNumber(1, maxEdges))
    .option('--ha', 'every server more than once, so that no single one ends a sale (some 350 MB more)')
    .addOption(
      new Option(
        '--cdc <sink>',
        'copy every change of the order tables for the data team: into files, or to the Kafka of SECKILL_CDC_KAFKA_URL',
      ).choices(cdcSinkNames),
    )
    .option('--foreground', 'supervise in this process until Ctrl-C')
    .addOption(dirOption())
    .addOption(jsonOption())
    .action((options: UpOptions, command: Command) => translated(() => up(contextOf(command), options)));

  program
    .command('down')
    .description('stop the stack in order, and wait until nothing of it is left')
    .addOption(dirOption())
    .addOption(jsonOption())
    .action((_options, command: Command) =>
      translated(async () => {
        const { output, dir } = contextOf(command);
        const stopped = (await stopStack(dir)) === 'stopped';
        output.result({ stopped }, stopped ? 'stopped' : 'nothing was running');
      }),
    );

  program
    .command('status')
    .description('ask every process how it is, and the servers who leads them; exit code 1 when one is away')
    .addOption(dirOption())
    .addOption(jsonOption())
    .action((_options, command: Command) =>
      translated(async () => {
        const { showStatus } = await import('./show-status.ts');
        await showStatus(contextOf(command));
      }),
    );
}

/** The edge's address is the result; where the console is goes with the progress. */
async function tellEdge({ output, dir }: StackContext, edge: string): Promise<void> {
  output.result({ edge }, edge);
  const place = await consoleOf(dir);
  if (place !== null) output.progress(`console: ${consoleLine(place)}`);
}

async function up(context: StackContext, options: UpOptions): Promise<void> {
  try {
    await start(context, options);
  } catch (error) {
    if (!(error instanceof StackError) || error.kind !== 'busy') throw error;
    // Somebody else's `up` was faster by a moment: its state file is about to appear.
    const deadline = Date.now() + 5_000;
    while (!(await isUpAlready(context, options))) {
      if (Date.now() > deadline) throw error;
      await wait(100);
    }
  }
}

async function start(context: StackContext, options: UpOptions): Promise<void> {
  const { run, output, dir } = context;
  const { foreground = false, port, services, edges, ha, cdc } = options;
  if (await isUpAlready(context, options)) return;
  const asked = {
    dir,
    environment: run.environment,
    onEvent: showEvent(output),
    ...(port === undefined ? {} : { port }),
    ...(services === undefined ? {} : { services }),
    ...(edges === undefined ? {} : { edges }),
    ...(ha === undefined ? {} : { ha }),
    ...(cdc === undefined ? {} : { cdc }),
  };
  const interrupted = run.interruption();
  try {
    if (!foreground) {
      const { startDetached } = await import('../../stack/detached.ts');
      await startDetached({ ...asked, signal: interrupted.signal });
      await tellEdge(context, `http://127.0.0.1:${port ?? defaultEdgePort}`);
      return;
    }
    const { startStack } = await import('../../stack/start-stack.ts');
    run.surviveLostOutput();
    const stack = await startStack({ ...asked, signal: interrupted.signal });
    await tellEdge(context, stack.edgeUrl);
    output.progress('press Ctrl-C to stop');
    const reason = await interrupted.happened;
    asked.onEvent({ type: 'stopping', reason });
    await stack.stop();
  } finally {
    interrupted.release();
  }
}

/** Says so and returns true when the stack runs as asked. Another start that is under way is waited for. */
async function isUpAlready(context: StackContext, options: UpOptions): Promise<boolean> {
  const { run, output, dir } = context;
  const given = givenSettings(run.environment, runDirectory(dir));
  let running = await findRunningStack(dir);
  if (running === null) return false;
  if (running.state.phase === 'starting')
    output.progress(`another start is under way (pid ${running.supervisorPid}), waiting`);
  if (running.state.phase === 'stopping')
    output.progress(`it is being stopped (pid ${running.supervisorPid}), waiting`);
  while (running !== null && running.state.phase !== 'up') {
    await wait(100);
    running = await findRunningStack(dir);
  }
  if (running === null) return false;
  const { edgePort, services, edges, ha, cdc, settings } = running.state;
  const where = dir === undefined ? '' : ` --dir ${shellQuote(dir)}`;
  const isAsAsked = (asked: number | boolean | string | undefined, is: number | boolean | string | null) =>
    asked === undefined || asked === is;
  if (
    !isAsAsked(options.port, edgePort) ||
    !isAsAsked(options.services, services) ||
    !isAsAsked(options.edges, edges) ||
    !isAsAsked(options.ha, ha) ||
    !isAsAsked(options.cdc, cdc)
  ) {
    throw new CliError(
      `already running with --port ${edgePort} --services ${services} --edges ${edges}${ha ? ' --ha' : ''}${cdc === null ? '' : ` --cdc ${cdc}`}${without({ ha, cdc })}: \`seckill down${where}\` first to change that`,
      78,
    );
  }
  const others = Object.entries(given).filter(([name, value]) => settings[name] !== value);
  if (others.length > 0) {
    const names = others.map(([name, value]) => `${name}=${value}`).join(' ');
    throw new CliError(`already running without ${names}: \`seckill down${where}\` first to change that`, 78);
  }
  output.progress(`already running (supervisor pid ${running.supervisorPid})`);
  await tellEdge(context, `http://127.0.0.1:${edgePort}`);
  return true;
}

/** What it could have been started with, and was not. */
function without({ ha, cdc }: { ha: boolean; cdc: CdcSinkName | null }): string {
  const missing = [...(ha ? [] : ['--ha']), ...(cdc === null ? ['--cdc'] : [])];
  return missing.length === 0 ? '' : `, and without ${missing.join(' and ')}`;
}

async function translated(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    throw new CliError(error.message, error.kind === 'configuration' ? 78 : 1);
  }
}
