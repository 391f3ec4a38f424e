import { readFileSync } from 'node:fs';
import type { OnEvent } from './events.ts';

/** worker_rlimit_nofile of nginx.conf: one for each of 16,384 connections (those to upstreams are counted), and some for files. */
export const edgeOpenFiles = 20_000;

/** A limit in the text of /proc/self/limits: a number or `unlimited`; undefined when it is not there. */
export function limitIn(text: string, name: string, which: 'soft' | 'hard'): string | undefined {
  const [, soft, hard] = new RegExp(`^${name} +(\\S+) +(\\S+)`, 'm').exec(text) ?? [];
  return which === 'soft' ? soft : hard;
}

type Limit = {
  name: string;
  which: 'soft' | 'hard';
  of: 'all' | 'limited' | 'privileged';
  least: number;
  /** With `--ha`, where that needs more. */
  leastHa?: number;
  is: string;
  mend: string;
};
const moreFiles =
  'ulimit -n 65536   (needs root; or LimitNOFILE= of the systemd unit, or nofile in /etc/security/limits.conf)';
/**
 * Limits of this process (setrlimit(2)) that its children inherit, and below which the stack starts and then fails: nginx answers
 * 503 when it has no file left for a connection, Java and Redis die when they may have no more threads or memory. Soft
 * limits are of no interest for files: Node raises its own to the hard one, and hands that on.
 */
const limits: readonly Limit[] = [
  {
    name: 'Max open files',
    which: 'hard',
    of: 'limited',
    least: edgeOpenFiles,
    is: `a process may have {value} open files, and the edge needs ${edgeOpenFiles} for a full crowd: without them it answers 503`,
    mend: moreFiles,
  },
  {
    name: 'Max open files',
    which: 'hard',
    of: 'privileged', // whose nginx raises its own
    least: 4096,
    is: 'a process may have {value} open files, and a gateway needs 4096 for its event streams: without them it answers 503',
    mend: moreFiles,
  },
  {
    name: 'Max processes',
    which: 'soft',
    of: 'limited',
    least: 300,
    leastHa: 800,
    // 113 were counted, 29 processes; with --ha 291, 70 processes.
    is: 'this user may have {value} processes and threads, and the stack has about 100 (with --ha 300)',
    mend: 'ulimit -u 4096',
  },
  {
    name: 'Max address space',
    which: 'soft',
    of: 'all',
    least: 24 * 2 ** 30,
    is: 'a process may have {value} bytes of address space; Node reserves far more than it uses', // 18 GiB were seen
    mend: 'ulimit -v unlimited',
  },
  {
    name: 'Max file size',
    which: 'soft',
    of: 'all',
    least: 2 ** 30,
    is: 'a file may have {value} bytes; Redis and PostgreSQL stop at that',
    mend: 'ulimit -f unlimited',
  },
];

/** CAP_SYS_RESOURCE, capability(7): a process that has it may raise its limits. A container's root often has it not. */
const sysResource = 24n;

/** What is too low in the text of /proc/self/limits, a line each with the command that raises it. */
export function lowLimits(text: string, mayRaise: boolean, ha = false): string[] {
  const mine = limits.filter(({ of }) => of === 'all' || (of === 'privileged') === mayRaise);
  return mine.flatMap(({ name, which, least, leastHa = least, is, mend }) => {
    const value = limitIn(text, name, which);
    if (value === undefined || value === 'unlimited' || Number(value) >= (ha ? leastHa : least)) return [];
    return [`low limit: ${is.replace('{value}', value)}. Raise it before the start: ${mend}`];
  });
}

/** Tells as notes which limits of this process are too low. Linux only; elsewhere nothing. */
export function tellLowLimits(onEvent: OnEvent, ha: boolean): void {
  let text: string;
  let status: string;
  try {
    text = readFileSync('/proc/self/limits', 'utf8');
    status = readFileSync('/proc/self/status', 'utf8');
  } catch {
    return;
  }
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const mayRaise = ((effective >> sysResource) & 1n) === 1n;
  for (const line of lowLimits(text, mayRaise, ha)) onEvent({ type: 'note', text: line });
}
