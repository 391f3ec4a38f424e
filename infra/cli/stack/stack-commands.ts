import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import type { EdgeNode } from '#contract/edge-stream.ts';
import { StackError } from '../../stack/host/errors.ts';
import { defaultEdgePort, maxEdges, maxServices } from '../../stack/plan/plan.ts';
import { consoleOf, findRunningStack, stackEnvironment, stackStatus, stopStack } from '../../stack/running-stack.ts';
import { describeEvent, type OnEvent } from '../../stack/supervise/events.ts';
import { shellQuote } from '../../text/shell-quote.ts';
import { appliedTable } from '../edge/edges-text.ts';
import { CliError } from '../kit/cli-error.ts';
import { commandConfig } from '../kit/connections.ts';
import { interruption } from '../kit/interruption.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import { createOutput, surviveLostOutput } from '../kit/output.ts';
import { consoleLine } from './console-command.ts';
import { describeStatus } from './stack-status-table.ts';

type UpOptions = {
  dir: string | undefined;
  port?: number;
  services?: number;
  edges?: number;
  foreground?: boolean;
  json?: boolean;
};
type Environment = Readonly<Record<string, string | undefined>>;

const progress = (text: string) => void process.stderr.write(`${text}\n`);
const tell = (value: unknown, text: string, json = false) => createOutput(json).result(value, text);
const showEvent: OnEvent = (event) => progress(describeEvent(event));

/** `seckill up`, `down`, `status`: the stack on this machine. */
export function registerStackCommands(program: Command, environment: Environment = process.env): void {
  const dirOf = ({ dir }: { dir?: string }) => dir ?? environment.SECKILL_RUN_DIR;

  program
    .command('up')
    .description('start the whole stack on this machine, and wait until it is ready')
    .option('--port <n>', `port of the edge on 127.0.0.1 (default: ${defaultEdgePort})`, wholeNumber(1, 65_535))
    .option('--services <n>', 'how many seckill-service processes (default: 1)', wholeNumber(1, maxServices))
    .option('--edges <n>', 'how many edges, each an nginx with its gateway (default: 1)', wholeNumber(1, maxEdges))
    .option('--foreground', 'supervise in this process until Ctrl-C')
    .addOption(dirOption())
    .addOption(jsonOption())
    .action((options: Omit<UpOptions, 'dir'> & { dir?: string }) =>
      translated(() => up({ ...options, dir: dirOf(options) }, environment)),
    );

  program
    .command('down')
    .description('stop the stack in order, and wait until nothing of it is left')
    .addOption(dirOption())
    .addOption(jsonOption())
    .action((options: { dir?: string; json?: boolean }) =>
      translated(async () => {
        const stopped = (await stopStack(dirOf(options))) === 'stopped';
        tell({ stopped }, stopped ? 'stopped' : 'nothing was running', options.json);
      }),
    );

  program
    .command('status')
    .description('ask every process how it is; exit code 1 when one is not up')
    .addOption(dirOption())
    .addOption(jsonOption())
    .action((options: { dir?: string; json?: boolean }) =>
      translated(() => status(dirOf(options), options.json === true)),
    );
}

/** The edge's address is the result; where the console is goes with the progress. */
async function tellEdge(edge: string, { json, dir }: UpOptions): Promise<void> {
  tell({ edge }, edge, json);
  const place = await consoleOf(dir);
  if (place !== null) progress(`console: ${consoleLine(place)}`);
}

async function up(options: UpOptions, environment: Environment): Promise<void> {
  try {
    await start(options, environment);
  } catch (error) {
    if (!(error instanceof StackError) || error.kind !== 'busy') throw error;
    // Somebody else's `up` was faster by a moment: its state file is about to appear.
    const deadline = Date.now() + 5_000;
    while (!(await isUpAlready(options))) {
      if (Date.now() > deadline) throw error;
      await wait(100);
    }
  }
}

async function start(options: UpOptions, environment: Environment): Promise<void> {
  const { dir, foreground = false, port, services, edges } = options;
  if (await isUpAlready(options)) return;
  const asked = {
    dir,
    environment,
    ...(port === undefined ? {} : { port }),
    ...(services === undefined ? {} : { services }),
    ...(edges === undefined ? {} : { edges }),
  };
  const interrupted = interruption();
  try {
    if (!foreground) {
      const { startDetached } = await import('../../stack/detached.ts');
      await startDetached({ ...asked, onEvent: showEvent, signal: interrupted.signal });
      await tellEdge(`http://127.0.0.1:${port ?? defaultEdgePort}`, options);
      return;
    }
    const { startStack } = await import('../../stack/start-stack.ts');
    surviveLostOutput();
    const stack = await startStack({ ...asked, onEvent: showEvent, signal: interrupted.signal });
    await tellEdge(stack.edgeUrl, options);
    progress('press Ctrl-C to stop');
    const reason = await interrupted.happened;
    showEvent({ type: 'stopping', reason });
    await stack.stop();
  } finally {
    interrupted.release();
  }
}

/** Says so and returns true when the stack runs as asked. Another start that is under way is waited for. */
async function isUpAlready(options: UpOptions): Promise<boolean> {
  const { dir } = options;
  let running = await findRunningStack(dir);
  if (running === null) return false;
  if (running.state.phase === 'starting')
    progress(`another start is under way (pid ${running.supervisorPid}), waiting`);
  if (running.state.phase === 'stopping') progress(`it is being stopped (pid ${running.supervisorPid}), waiting`);
  while (running !== null && running.state.phase !== 'up') {
    await wait(100);
    running = await findRunningStack(dir);
  }
  if (running === null) return false;
  const { edgePort, services, edges } = running.state;
  const where = dir === undefined ? '' : ` --dir ${shellQuote(dir)}`;
  const isAsAsked = (asked: number | undefined, is: number) => asked === undefined || asked === is;
  if (
    !isAsAsked(options.port, edgePort) ||
    !isAsAsked(options.services, services) ||
    !isAsAsked(options.edges, edges)
  ) {
    throw new CliError(
      `already running with --port ${edgePort} --services ${services} --edges ${edges}: \`seckill down${where}\` first to change that`,
      78,
    );
  }
  progress(`already running (supervisor pid ${running.supervisorPid})`);
  await tellEdge(`http://127.0.0.1:${edgePort}`, options);
  return true;
}

async function status(dir: string | undefined, asJson: boolean): Promise<void> {
  const found = await stackStatus(dir);
  const edges = found.running ? await connectedEdges(dir) : null;
  const text = [describeStatus(found, Date.now()), ...(found.running ? [appliedTable(edges, Date.now())] : [])];
  tell({ ...found, edges }, text.join('\n\n'), asJson);
  const isWell = found.running && found.processes.every((each) => each.health === 'up');
  if (!isWell) throw new CliError(found.running ? 'not every process is up' : `nothing runs in ${found.dir}`, 1);
}

/** What each edge says in ZooKeeper that it has applied; null while ZooKeeper does not answer. */
async function connectedEdges(dir: string | undefined): Promise<EdgeNode[] | null> {
  const { SECKILL_ZOOKEEPER: connection } = commandConfig(['SECKILL_ZOOKEEPER'], (await stackEnvironment(dir)) ?? {});
  // The table of processes tells how ZooKeeper is.
  return (await import('../edge/connected-edges.ts')).readConnectedEdges(connection).catch(() => null);
}

async function translated(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    throw new CliError(error.message, error.kind === 'configuration' ? 78 : 1);
  }
}
