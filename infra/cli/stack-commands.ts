import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import {
  defaultEdgePort,
  describeEvent,
  findRunningStack,
  maxServices,
  type OnEvent,
  StackError,
  stackStatus,
  startDetached,
  startStack,
  stopStack,
} from '../stack/stack.ts';
import { CliError } from './cli-error.ts';
import { dirOption, jsonOption, wholeNumber } from './options.ts';
import { createOutput } from './output.ts';
import { describeStatus } from './stack-status-table.ts';

type UpOptions = { dir: string | undefined; port?: number; services?: number; foreground?: boolean; json?: boolean };
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

const tellEdge = (edge: string, { json }: UpOptions) => tell({ edge }, edge, json);

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
  const { dir, foreground = false, port, services } = options;
  if (await isUpAlready(options)) return;
  const asked = {
    dir,
    environment,
    ...(port === undefined ? {} : { port }),
    ...(services === undefined ? {} : { services }),
  };
  const interrupted = interruption();
  try {
    if (!foreground) {
      await startDetached({ ...asked, onEvent: showEvent, signal: interrupted.signal });
      tellEdge(`http://127.0.0.1:${port ?? defaultEdgePort}`, options);
      return;
    }
    const stack = await startStack({ ...asked, onEvent: showEvent, signal: interrupted.signal });
    tellEdge(stack.edgeUrl, options);
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
  const { dir, port, services } = options;
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
  const { edgePort, services: count } = running.state;
  if ((port !== undefined && port !== edgePort) || (services !== undefined && services !== count)) {
    throw new CliError(
      `already running with --port ${edgePort} --services ${count}: \`seckill down\` first to change that`,
      78,
    );
  }
  progress(`already running (supervisor pid ${running.supervisorPid})`);
  tellEdge(`http://127.0.0.1:${edgePort}`, options);
  return true;
}

async function status(dir: string | undefined, asJson: boolean): Promise<void> {
  const found = await stackStatus(dir);
  tell(found, describeStatus(found, Date.now()), asJson);
  const isWell = found.running && found.processes.every((each) => each.health === 'up');
  if (!isWell) throw new CliError(found.running ? 'not every process is up' : `nothing runs in ${found.dir}`, 1);
}

/** SIGINT, SIGTERM and SIGHUP as a promise and as an abort signal. A second one ends this process at once. */
function interruption() {
  const controller = new AbortController();
  const happened = new Promise<string>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve((controller.signal.reason as Error).message), {
      once: true,
    });
  });
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new CliError(`${name}: interrupted`, 1));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal); // the terminal is gone
  const release = () => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    process.off('SIGHUP', onSignal);
  };
  return { signal: controller.signal, happened, release };
}

async function translated(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    throw new CliError(error.message, error.kind === 'configuration' ? 78 : 1);
  }
}
