import { readFileSync } from 'node:fs';
import { findProgram } from './binaries.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A program with its arguments. `user`: to be run as that user, when we are root. */
export type CommandLine = { command: string; args: readonly string[]; user?: RunAs };
export type RunAs = { name: string; capability: 'dac_read_search' | 'dac_override' | null };

/**
 * The same command line in the hands of setpriv(1), which replaces itself with it, so the pid is the server's own:
 * the kernel then sends `deathSignal` when the supervisor dies, however it dies. One call does both, because a change
 * of the user afterwards would clear the death signal (prctl(2), PR_SET_PDEATHSIG). Only Linux has that; elsewhere the
 * command line stays as it is.
 */
export function tied(line: CommandLine, deathSignal: NodeJS.Signals, searchPath: string): CommandLine {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv', searchPath) : null;
  if (setpriv === null) return line;
  const { user } = line;
  const capability = user?.capability ?? null;
  return {
    command: setpriv,
    args: [
      ...(user === undefined ? [] : [`--reuid=${user.name}`, `--regid=${user.name}`, '--init-groups']),
      ...(capability === null ? [] : [`--inh-caps=+${capability}`, `--ambient-caps=+${capability}`]),
      `--pdeathsig=${deathSignal.replace(/^SIG/, '')}`,
      '--',
      line.command,
      ...line.args,
    ],
  };
}

/** capability(7) numbers. A container's root often has the second only. */
const passing = [
  { name: 'dac_read_search', bit: 2n },
  { name: 'dac_override', bit: 1n },
] as const;

/** The least capability we could hand on that lets another user through folders that are closed to it, or null. */
export function traversalCapability(): RunAs['capability'] {
  const status = readFileSync('/proc/self/status', 'utf8');
  const permitted = BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return passing.find(({ bit }) => ((permitted & bounding) >> bit) & 1n)?.name ?? null;
}

/** Names that would change what a child does: our settings, the defaults of PostgreSQL's clients, the language of messages. */
const notInherited = /^(SECKILL_|PG|LANGUAGE$)/;

/**
 * What a child inherits: the parent's environment without SECKILL_* (each process gets its own, and refuses unknown ones)
 * and without PG* (the caller's PGSSLMODE or PGOPTIONS would reach our connections), in the one locale that is there
 * without being generated. With another one that is named and missing, Redis 7.2 and newer do not start; without any,
 * Java does not find a file whose name is not ASCII.
 */
export function childEnvironment(environment: Environment): Record<string, string> {
  const entries = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !notInherited.test(entry[0]),
  );
  return { ...Object.fromEntries(entries), ...(process.platform === 'linux' ? { LC_ALL: 'C.UTF-8' } : {}) };
}
