import type { CdcSinkName } from '#contract/cdc.ts';
import { lockDirectory } from './host/directory-lock.ts';
import { messageOf, PortTakenError, StackError, withWriteProblem } from './host/errors.ts';
import type { Environment } from './host/launch.ts';
import { choosePorts, isPortFree, type PortBlock, reservePortBlock } from './host/ports.ts';
import { identityOf } from './host/process-identity.ts';
import { makeRunDirectory, type RunDirectory, runDirectory } from './host/run-directory.ts';
import { givenSettings } from './plan/given-settings.ts';
import { refuseOtherData } from './plan/other-data.ts';
import {
  clientEnvironment,
  defaultEdgePort,
  makePlan,
  nodeProcessNames,
  portNames,
  type Settings,
  type StackPlan,
} from './plan/plan.ts';
import { type Role, roles, type ServerRole } from './plan/roles.ts';
import { makeSecrets } from './plan/secrets.ts';
import { type Faces, keptRoles } from './plan/servers.ts';
import { processTable } from './servers/processes.ts';
import type { OnEvent } from './supervise/events.ts';
import { endLeftovers } from './supervise/leftovers.ts';
import { tellLowLimits } from './supervise/process-limits.ts';
import { createStateWriter, type ProcessState, readState, type StackState } from './supervise/state-file.ts';
import { createSupervisor, type Supervisor } from './supervise/supervisor.ts';

const attempts = 3;

export type StackOptions = {
  /** The run directory; default `.run` in the checkout. */
  dir?: string | undefined;
  /** The edge's port on 127.0.0.1; `any` takes a private one. Default 8080. */
  port?: number | 'any';
  /** How many seckill-service processes, 1 to 16. Default 1. */
  services?: number;
  /** How many edges (an nginx and its gateway each), 1 to 4. Default 1. `port` is the first one's. */
  edges?: number;
  /** Stock Redis, its sentinels, queue Redis, ZooKeeper and PostgreSQL more than once each. Default false. */
  ha?: boolean;
  /** Copy every change of the order tables for the data team: into files, or to Kafka. Default: not. */
  cdc?: CdcSinkName | null;
  /** The caller's environment: handed on, of its SECKILL_* names those that {@link givenSettings} lets take effect. */
  environment: Environment;
  /** As if they stood in `environment`, and of any name: schedules that a test cannot wait for. */
  settings?: Settings;
  onEvent?: OnEvent;
  /** Ends a start that is under way; it then rejects with the signal's reason after stopping what it started. */
  signal?: AbortSignal;
  /** Start only these, for tests of a part. */
  only?: readonly Role[];
  /**
   * For tests that break links: where one of our processes is to reach the servers instead of at their own `ports` on
   * 127.0.0.1, a proxy each for example; what it leaves out stays. Asked for each of our processes by its name, before each attempt to start.
   * What `environment` of the stack says stays the truth.
   */
  rewire?: Rewire;
  /**
   * For tests that break links, with `ha`: what each server announces to the others and to all clients instead of its own
   * port. Asked before each attempt to start.
   */
  announce?: (ports: ServerPorts) => Promise<Faces>;
};

/** The port of each server, by the name of its process: with `ha` these are `stock-redis-1`, `sentinel-1` and so on. */
export type ServerPorts = Readonly<Record<ServerRole, number> & Record<string, number>>;
export type Rewire = (process: string, ports: ServerPorts) => Promise<Readonly<Record<string, number>>>;

/** A stack that this process supervises. */
export type Stack = {
  dir: string;
  edgeUrl: string;
  edgeInnerUrl: string;
  /** All edges, the first one too. `process` and `gateway` are names of processes. */
  edges: { edgeId: string; url: string; innerUrl: string; process: string; gateway: string }[];
  /** The SECKILL_* settings that the CLI and tests need; holds secrets. */
  environment: Record<string, string>;
  /** Orderly stop; resolves when no process is left. */
  stop: () => Promise<void>;
};

/**
 * Starts every process and supervises them in this process, until `stop` or its end (then the kernel ends them, on
 * Linux). Throws {@link StackError}, with nothing left running.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const {
    port = defaultEdgePort,
    services = 1,
    edges = 1,
    ha = false,
    cdc = null,
    onEvent = () => undefined,
  } = options;
  const signal = options.signal ?? new AbortController().signal;
  const startedAt = Date.now();
  const dir = runDirectory(options.dir);
  const settings = { ...givenSettings(options.environment, dir), ...options.settings };
  refuseSink(cdc, settings);
  await makeRunDirectory(dir);
  tellLowLimits(onEvent, ha);
  refuseOtherData(dir, ha);
  const lock = await lockDirectory(dir);
  if (lock === null) throw new StackError('busy', `another process is running or starting the stack in ${dir.root}`);
  let block: PortBlock | null = null;
  try {
    const before = readState(dir);
    if (before !== null) {
      const ended = await endLeftovers(before, dir);
      if (ended.length > 0) onEvent({ type: 'note', text: `ended what a dead supervisor left: ${ended.join(', ')}` });
    }
    block = await reservePortBlock(dir.root, before?.portBase, ha ? 2 : 1);
    const running = await startOnFreePorts({
      ...options,
      settings,
      port,
      services,
      edges,
      ha,
      cdc,
      onEvent,
      signal,
      dir,
      before,
      block,
    });
    onEvent({ type: 'up', edgeUrl: running.plan.edgeUrl, tookMs: Date.now() - startedAt });
    return faceOf(running, async () => {
      await block?.release();
      await lock.release();
    });
  } catch (error) {
    await block?.release();
    await lock.release();
    throw withWriteProblem(error, dir.root);
  }
}

/** What a sink needs that the stack cannot make. */
function refuseSink(cdc: CdcSinkName | null, settings: Settings): void {
  const hasAddress = settings.SECKILL_CDC_KAFKA_URL !== undefined || settings.SECKILL_CDC_KAFKA_URL_FILE !== undefined;
  if (cdc === 'kafka' && !hasAddress)
    throw new StackError(
      'configuration',
      '--cdc kafka needs the address of a Kafka: SECKILL_CDC_KAFKA_URL=kafka://host:9092 seckill up --cdc kafka',
    );
}

type Attempt = Required<
  Pick<StackOptions, 'port' | 'services' | 'edges' | 'ha' | 'cdc' | 'environment' | 'onEvent' | 'signal'>
> & {
  only?: readonly Role[];
  settings: Settings;
  rewire?: Rewire;
  announce?: (ports: ServerPorts) => Promise<Faces>;
  dir: RunDirectory;
  before: StackState | null;
  block: PortBlock;
};
type Running = {
  plan: StackPlan;
  supervisor: Supervisor;
  save: (phase: StackState['phase']) => void;
  onEvent: OnEvent;
};

/** A port that was free may be gone when its server binds it, seconds later: then once more, with others. */
async function startOnFreePorts(attempt: Attempt): Promise<Running> {
  const avoid = new Set<number>();
  for (let left = attempts; ; left -= 1) {
    const { plan, names, seenBy } = await planFor(attempt, avoid);
    try {
      return await startOnce(attempt, plan, names, seenBy);
    } catch (error) {
      if (!(error instanceof PortTakenError) || left === 1) throw error;
      attempt.onEvent({
        type: 'note',
        text: `${error.processName}: its port was taken meanwhile, starting with others`,
      });
      for (const [name, port] of Object.entries(names))
        if (name === error.processName || name.startsWith(`${error.processName}-`)) avoid.add(port);
    }
  }
}

async function planFor(attempt: Attempt, avoid: ReadonlySet<number>) {
  const { port, services, edges, ha, cdc, dir, before, block, environment, settings } = attempt;
  const wanted = [...portNames(attempt), ...(port === 'any' ? ['edge'] : [])];
  const names = await choosePorts(block.base, wanted, before?.ports ?? {}, avoid, block.size);
  const edgePort = port === 'any' ? names.edge : port;
  if (edgePort === undefined) throw new Error('no port was chosen for the edge');
  if (port !== 'any' && (attempt.only ?? roles).includes('edge') && !(await isPortFree(port))) {
    throw new StackError(
      'configuration',
      `port ${port} on 127.0.0.1 is taken by another program, or needs rights that we do not have: choose another one with --port`,
    );
  }
  const secrets = await makeSecrets(dir, { ha });
  const planWith = (ports: Readonly<Record<string, number>>, faces: Faces = {}) =>
    makePlan({ dir, secrets, ha, cdc, services, edges, edgePort, ports, faces, environment, settings });
  const own = planWith(names);
  const plan = attempt.announce === undefined ? own : planWith(names, await attempt.announce(serverPorts(own)));
  const seen = new Map<string, StackPlan>();
  for (const name of attempt.rewire === undefined ? [] : nodeProcessNames(attempt)) {
    const links = await attempt.rewire?.(name, serverPorts(plan));
    seen.set(name, planWith({ ...names, ...links }));
  }
  return { plan, names, seenBy: (name: string) => seen.get(name) ?? plan };
}

function serverPorts(plan: StackPlan): ServerPorts {
  const servers = keptRoles.flatMap((role) => plan.servers(role));
  return Object.fromEntries(servers.map(({ name, port }) => [name, port])) as ServerPorts; // the names that it says
}

async function startOnce(
  attempt: Attempt,
  plan: StackPlan,
  ports: Record<string, number>,
  seenBy: (name: string) => StackPlan,
): Promise<Running> {
  const { dir, services, edges, ha, cdc, settings, onEvent, signal, block, only } = attempt;
  const specs = processTable(plan, only, seenBy);
  const identity = await identityOf(process.pid);
  let phase: StackState['phase'] = 'starting';
  const file = createStateWriter(dir, (error) =>
    onEvent({ type: 'note', text: `${dir.state} cannot be written now, trying again: ${messageOf(error)}` }),
  );
  const write = (processes: ProcessState[]) =>
    file.write({
      version: 1,
      phase,
      supervisor: identity === null || phase === 'down' ? null : { pid: process.pid, identity },
      edgePort: plan.edgePort,
      services,
      edges,
      ha,
      cdc,
      settings,
      portBase: block.base,
      ports,
      processes,
    });
  const supervisor = createSupervisor({ specs, dir, searchPath: plan.searchPath, onEvent, onChange: write });
  const save = (next: StackState['phase']) => {
    phase = next;
    write(next === 'down' ? [] : supervisor.processes());
    if (next === 'down') file.close();
  };
  save('starting');
  try {
    await supervisor.start(signal);
  } catch (error) {
    save('stopping');
    await supervisor.stop();
    save('down');
    throw error;
  }
  save('up');
  return { plan, supervisor, save, onEvent };
}

function faceOf({ plan, supervisor, save, onEvent }: Running, release: () => Promise<void>): Stack {
  let stopped: Promise<void> | null = null;
  const stop = async () => {
    save('stopping');
    await supervisor.stop();
    save('down');
    await release();
    onEvent({ type: 'down' });
  };
  return {
    dir: plan.dir.root,
    edgeUrl: plan.edgeUrl,
    edgeInnerUrl: `http://127.0.0.1:${plan.port('edge-inner')}`,
    edges: plan.edges.map(({ edgeId, listen, innerListen, name, gateway }) => ({
      edgeId,
      url: `http://${listen}`,
      innerUrl: `http://${innerListen}`,
      process: name,
      gateway,
    })),
    environment: clientEnvironment(plan),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}
