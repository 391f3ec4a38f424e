import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { checkoutDir } from '#infra/stack/host/run-directory.ts';

/** An edge closes a connection to a service that it has not used for 4 s (upstreams.conf.template). */
const keptOpenMs = 5000;

/**
 * Moves a service's socket out of the edges' way while `whileAway` runs; the service itself goes on. With `changes` another
 * service, called `service-odd`, stands in its place: the same settings but for these; undefined takes one away.
 */
export async function inPlaceOfService(
  service: { pid: number; socket: string },
  changes: Record<string, string | undefined> | null,
  whileAway: () => Promise<void>,
): Promise<void> {
  const { pid, socket } = service;
  const aside = `${socket}.aside`;
  await rename(socket, aside);
  const odd = changes === null ? null : await start(pid, { ...changes, SECKILL_INNER_LISTEN: `unix:${socket}.inner` });
  try {
    await wait(keptOpenMs); // until then the edges still reach the old one
    await whileAway();
  } finally {
    await odd?.stop();
    await rm(socket, { force: true });
    await rename(aside, socket);
  }
}

async function start(likePid: number, changes: Record<string, string | undefined>) {
  const text = await readFile(`/proc/${likePid}/environ`, 'utf8');
  const pairs = text.split('\0').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);
  const environment = { ...Object.fromEntries(pairs), SECKILL_INSTANCE: 'service-odd', ...changes };
  const child = spawn(process.execPath, [join(checkoutDir, 'seckill-service/main.ts')], {
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  const ended = once(child, 'exit');
  return {
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
    },
  };
}
