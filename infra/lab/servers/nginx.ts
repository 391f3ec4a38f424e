import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Hopeless, poll } from '../poll.ts';
import { spawnTied, type TiedProcess } from './tied-process.ts';

const attempts = 5;

export type NginxOptions = {
  /** Where the configuration puts nginx.pid; what nginx says to stderr comes to error.log beside it. */
  runDir: string;
  /** Writes a configuration with fresh ports, and gives its path. */
  configure: () => Promise<string>;
  /** The command line that starts nginx, changed: to bind it to a core for example. */
  launch?: (line: [string, ...string[]]) => [string, ...string[]];
};

/**
 * A real nginx, whose ports take connections when this resolves. A free port may be taken by another process before nginx
 * binds it: then it is started again with others, five times at most.
 */
export async function startNginx({ runDir, configure, launch = (line) => line }: NginxOptions): Promise<TiedProcess> {
  const [log, pidFile] = [join(runDir, 'error.log'), join(runDir, 'nginx.pid')];
  for (let nth = 1; ; nth += 1) {
    const [command, ...args] = launch(['nginx', '-e', log, '-c', await configure()]);
    // SIGTERM, and the master ends its workers. What it has to say stands in its log.
    const stderr = openSync(log, 'a');
    const nginx = spawnTied(command, args, { deathSignal: 'SIGTERM', stdio: ['ignore', 'ignore', stderr] });
    closeSync(stderr);
    const outcome = await poll('nginx binds its ports', () => {
      if (existsSync(pidFile)) return 'bound'; // it is written after that
      if (textOf(log).includes('Address already in use')) return 'taken'; // nginx itself would try for seconds
      if (nginx.child.exitCode !== null) throw new Hopeless(`nginx ended: ${textOf(log)}`);
      return null;
    }).catch(async (error: unknown) => {
      await nginx.end();
      throw error;
    });
    if (outcome === 'bound') return nginx;
    await nginx.end();
    if (nth === attempts) throw new Error(`nginx found its ports taken ${attempts} times: ${textOf(log)}`);
    rmSync(log);
  }
}

const textOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '');
