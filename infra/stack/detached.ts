import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { CdcSinkName } from '#contract/cdc.ts';
import type { DaemonMessage } from './daemon.ts';
import { StackError } from './host/errors.ts';
import type { Environment } from './host/launch.ts';
import { logTail, rotateLog } from './host/log-file.ts';
import { makeRunDirectory, runDirectory } from './host/run-directory.ts';
import type { OnEvent } from './supervise/events.ts';

/**
 * Starts the stack under a supervisor of its own that outlives this process, and resolves when it is up. Throws
 * {@link StackError} when it does not come up; when `signal` aborts it is stopped first, and the reason is thrown.
 */
export async function startDetached(options: {
  dir?: string | undefined;
  port?: number;
  services?: number;
  edges?: number;
  ha?: boolean;
  cdc?: CdcSinkName;
  environment: Environment;
  onEvent: OnEvent;
  signal: AbortSignal;
}): Promise<void> {
  const { environment, onEvent, signal, ...daemonOptions } = options;
  const dir = runDirectory(options.dir);
  await makeRunDirectory(dir);
  const log = dir.log('stack');
  rotateLog(log);
  const fd = openSync(log, 'a');
  const daemon = spawn(
    process.execPath,
    [join(import.meta.dirname, 'daemon.ts'), JSON.stringify({ ...daemonOptions, dir: dir.root })],
    { cwd: dir.root, env: { ...environment }, stdio: ['ignore', fd, fd, 'ipc'], detached: true },
  );
  closeSync(fd);
  const cancel = () => daemon.kill('SIGTERM');
  signal.addEventListener('abort', cancel, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      let failed: StackError | null = null;
      let isUp = false;
      daemon.on('message', (message: DaemonMessage) => {
        if (message.type === 'failed') failed = new StackError(message.kind, message.message);
        else onEvent(message.event);
        if (message.type === 'event' && message.event.type === 'up') isUp = true;
      });
      // The supervisor lets go of the channel when it is up, or it ends.
      daemon.once('disconnect', () => {
        if (isUp) resolve();
      });
      daemon.once('error', reject);
      // `close`, not `exit`: only then has the channel been read to its end.
      daemon.once('close', (code, by) => {
        const tail = logTail(log, 0, 20).map((line) => `  ${line}`);
        const ended = by === null ? `ended with exit code ${code}` : `was ended by ${by}`;
        reject(failed ?? new StackError('failed', `the supervisor ${ended}\n${log}:\n${tail.join('\n')}`));
      });
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
    daemon.unref();
  }
}
