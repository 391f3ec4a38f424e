import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTcpProxy, type TcpProxy } from '#lab/servers/tcp-proxy.ts';
import { runDirectory } from '../stack/host/run-directory.ts';
import type { Settings } from '../stack/plan/plan.ts';
import { describeEvent, type Rewire, type ServerRole, type Stack, startStack } from '../stack/stack.ts';
import { readState } from '../stack/supervise/state-file.ts';
import { hasFirstSnapshot } from './checks.ts';
import { type Listener, listenToOrders } from './listener.ts';

/** The battlefield: a private stack whose processes reach each server through a proxy of their own. */
export type Field = {
  stack: Stack;
  /** The proxies between a server and the processes that use it; `process` picks one of them, `all` takes all. */
  links: (server: ServerRole, process: string) => TcpProxy[];
  /** The process of that name as it runs now, null while it is down. */
  pidOf: (process: string) => number | null;
  /** Processes that ended since this was asked last, whoever ended them. */
  deaths: () => { name: string; how: string }[];
  /** Hears every event of every order, as a subscriber. */
  listener: Listener;
  /** A line in the run's own log, beside the logs of the stack. */
  note: (text: string) => void;
  close: () => Promise<void>;
};

/** Schedules that a round cannot wait for. */
const quickened: Settings = {
  SECKILL_PAYMENT_CHECK_AFTER_MS: '2000',
  SECKILL_REFUND_TRIES: '100',
  SECKILL_REFUND_FIRST_WAIT_MS: '200',
  SECKILL_REFUND_LONGEST_WAIT_MS: '2000',
};

/** What the data team reads of a stack in that directory. */
export const cdcFiles = (dir: string): string => join(dir, 'cdc');

type Link = { server: ServerRole; process: string; proxy: TcpProxy };

export async function openField(options: {
  dir: string;
  environment: Record<string, string | undefined>;
}): Promise<Field> {
  const { dir, environment } = options;
  const paths = runDirectory(dir);
  let links: Link[] = [];
  let isUp = false;
  let died: { name: string; how: string }[] = [];
  const note = (text: string) => {
    if (isUp) appendFileSync(join(dir, 'logs', 'chaos.log'), `${new Date().toISOString()} ${text}\n`);
  };

  const rewire: Rewire = async (process, ports) => {
    // Asked again for a process: the stack starts once more, on other ports.
    const old = links.filter((link) => link.process === process);
    links = links.filter((link) => link.process !== process);
    await Promise.all(old.map(({ proxy }) => proxy.close()));
    const via = async (server: ServerRole) => {
      const proxy = await startTcpProxy({ to: { host: '127.0.0.1', port: ports[server] } });
      links.push({ server, process, proxy });
      return proxy.port;
    };
    return {
      'stock-redis': await via('stock-redis'),
      'queue-redis': await via('queue-redis'),
      zookeeper: await via('zookeeper'),
      postgres: await via('postgres'),
    };
  };
  const closeLinks = () => Promise.all(links.map(({ proxy }) => proxy.close()));

  try {
    const stack = await startStack({
      dir,
      port: 'any',
      services: 2,
      cdc: 'files',
      settings: quickened,
      environment,
      rewire,
      onEvent: (event) => {
        note(describeEvent(event));
        if (event.type === 'died') died.push({ name: event.name, how: describeEvent(event) });
      },
    });
    isUp = true;
    await hasFirstSnapshot(stack);
    const listener = await listenToOrders(stack.environment.SECKILL_DATABASE_URL ?? '', 1);
    return {
      stack,
      links: (server, process) =>
        links
          .filter((link) => link.server === server && (process === 'all' || link.process === process))
          .map(({ proxy }) => proxy),
      pidOf: (process) => readState(paths)?.processes.find(({ name }) => name === process)?.pid ?? null,
      deaths: () => {
        const taken = died;
        died = [];
        return taken;
      },
      listener,
      note,
      close: async () => {
        await stack.stop();
        await listener.close();
        await closeLinks();
      },
    };
  } catch (error) {
    await closeLinks();
    throw error;
  }
}
