import { appendFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '#lab/poll.ts';
import { postmasterOf } from '../../stack/host/postmaster.ts';
import { runDirectory } from '../../stack/host/run-directory.ts';
import { describeEvent, type Stack, startStack } from '../../stack/stack.ts';
import { readState } from '../../stack/supervise/state-file.ts';
import { hasFirstSnapshot, isHealthy } from '../checks.ts';
import { type Links, openLinks } from './links.ts';
import { openServers, type Servers } from './servers.ts';

const wholeWithinMs = 60_000;
const guardSays = 'ROLLBACK: stock Redis has an older past';

/** The battlefield: a private stack in the HA topology, each of whose servers has a proxy in front of it. */
export type HaField = {
  stack: Stack;
  links: Links;
  servers: Servers;
  /** The process of that name as it runs now, null while it is down. */
  pidOf: (process: string) => number | null;
  /** The PostgreSQL of that name, where Patroni runs it; null for any other process. */
  postmasterOf: (process: string) => number | null;
  /** A fault says that it has begun, and whom it killed. */
  began: () => void;
  killed: (process: string) => void;
  /** When the last fault began, `performance.now()`. */
  begunAt: () => number;
  /** Processes that ended since this was asked last although no fault killed them. */
  unexplained: () => string[];
  /** How often a service paused a sale because stock Redis had an older past, since this was asked last. */
  alarms: () => Promise<number>;
  /** Resolves when every process is up, and every server in its part. */
  whole: () => Promise<void>;
  /** A line in the run's own log, beside the logs of the stack. */
  note: (text: string) => void;
  close: () => Promise<void>;
};

export async function openHaField(options: {
  dir: string;
  environment: Record<string, string | undefined>;
}): Promise<HaField> {
  const { dir, environment } = options;
  const paths = runDirectory(dir);
  let isUp = false;
  let begunAt = 0;
  let alarmed = 0;
  let died: { name: string; how: string }[] = [];
  let ports: Readonly<Record<string, number>> = {};
  const killed = new Set<string>();
  const note = (text: string) => {
    if (isUp) appendFileSync(join(dir, 'logs', 'chaos.log'), `${new Date().toISOString()} ${text}\n`);
  };
  const processes = () => readState(paths)?.processes ?? [];
  const pidOf = (process: string) => processes().find(({ name }) => name === process)?.pid ?? null;
  /** The links of our own processes, and of this one: the servers are known by their addresses. */
  const pids = () =>
    new Map([
      ['ours', process.pid],
      ...processes().flatMap(({ name, pid, innerUrl }) =>
        pid === null || innerUrl === null ? [] : [[name, pid] as const],
      ),
    ]);
  const links = openLinks(pids);

  try {
    const stack = await startStack({
      dir,
      port: 'any',
      services: 2,
      ha: true,
      cdc: 'files',
      environment,
      announce: async (own) => {
        ports = own;
        return links.face(own);
      },
      onEvent: (event) => {
        note(describeEvent(event));
        if (event.type === 'died') died.push({ name: event.name, how: describeEvent(event) });
      },
    });
    isUp = true;
    await hasFirstSnapshot(stack);
    const servers = openServers({ ports, environment: stack.environment, links });

    /** Rotated logs are counted with the rest; what was rotated away was counted before. */
    async function countAlarms(): Promise<number> {
      const logs = join(dir, 'logs');
      const files = (await readdir(logs)).filter((name) => name.startsWith('service-'));
      const texts = await Promise.all(files.map((name) => readFile(join(logs, name), 'utf8').catch(() => '')));
      return texts.reduce((sum, text) => sum + text.split(guardSays).length - 1, 0);
    }

    return {
      stack,
      links,
      servers,
      pidOf,
      postmasterOf: (process) => postmasterOf(join(dir, 'data', process, 'cluster')),
      began: () => {
        begunAt = performance.now();
      },
      begunAt: () => begunAt,
      killed: (process) => void killed.add(process),
      unexplained: () => {
        const found = died.filter(({ name }) => !killed.has(name)).map(({ how }) => `no fault killed it: ${how}`);
        died = [];
        killed.clear();
        return found;
      },
      async alarms() {
        const now = await countAlarms();
        const found = Math.max(0, now - alarmed);
        alarmed = now;
        return found;
      },
      async whole() {
        await poll(
          'the topology to be whole',
          async () => {
            await servers.hurry(true);
            const troubles = await servers.troubles();
            if (troubles.length > 0) throw new Error(troubles.join('; '));
            return true;
          },
          wholeWithinMs,
          150,
        );
        await isHealthy(stack);
        await servers.hurry(false);
      },
      note,
      close: async () => {
        servers.close();
        await stack.stop();
        await links.close();
      },
    };
  } catch (error) {
    await links.close();
    throw error;
  }
}
