import { messageOf, PortTakenError, StackError } from '../host/errors.ts';
import type { Exit, Life } from '../host/life.ts';
import { logTail, tellingLine } from '../host/log-file.ts';

/** Of a log that are shown when its process fails. */
const tailLines = 20;

/** A process that was killed said nothing about it; one that gave up said why at the end of its log. */
export function reasonOf(of: Life, exit: Exit, log: string): string | null {
  if (exit.error !== null) return messageOf(exit.error);
  const line = exit.signal === null ? tellingLine(logTail(log, of.logStart, tailLines)) : null;
  return line === null ? null : `its log ends with: ${line}`;
}

/** The error of a start that did not work: `what` went wrong and the reason first, the end of the log below it. */
export function failureOf(of: Life, process: { name: string; log: string }, what: string): StackError {
  const { name, log } = process;
  const tail = logTail(log, of.logStart, tailLines);
  const reason = tellingLine(tail);
  const head = `${name} ${what}${reason === null ? '' : `; its log ends with: ${reason}`}`;
  const shown = tail.length === 0 ? 'its log is empty' : tail.map((text) => `  ${text}`).join('\n');
  const message = `${head}\n${log}:\n${shown}`;
  return /address (is )?already in use|EADDRINUSE|BindException/i.test(tail.join('\n'))
    ? new PortTakenError(name, message)
    : new StackError('failed', message);
}

/** The error of a process that died `when`; resolves when it is gone. */
export async function deathOf(of: Life, process: { name: string; log: string }, when: string): Promise<StackError> {
  const exit = await of.exit;
  const how = exit.error?.message ?? (exit.signal === null ? `exit code ${exit.code}` : exit.signal);
  return failureOf(of, process, `died ${when} (${how})`);
}
