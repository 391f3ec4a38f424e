import { bytesText } from '#runtime/bytes-text.ts';
import type { ProcessStatus } from '../../stack/running-stack.ts';
import type { Group, Lag, Part } from '../../stack/topology/group.ts';

type NameOf = (address: string) => string | null;

/** The name of the process that is at a `host:port`; null when it is none of these. */
export function namesByAddress(processes: readonly Pick<ProcessStatus, 'name' | 'address'>[]): NameOf {
  const names = new Map(processes.map(({ name, address }) => [/[\w.-]+:\d+(?=\/|$)/.exec(address)?.[0], name]));
  return (address) => names.get(address) ?? null;
}

/** Each group of servers as a line, and what is wrong with it below, with names of processes in the place of addresses. */
export function groupsText(groups: readonly Group[], nameOf: NameOf): string {
  const widest = Math.max(...groups.map(({ name }) => name.length));
  return groups
    .flatMap(({ name, says, problems }) => [
      `${name.padEnd(widest)}  ${named(says, nameOf)}`,
      ...problems.map((problem) => `${' '.repeat(widest)}  ! ${named(problem, nameOf)}`),
    ])
    .join('\n');
}

const named = (text: string, nameOf: NameOf): string =>
  text
    .replace(/[\w.-]+:\d{1,5}\b/g, (address) => nameOf(address) ?? address)
    .replaceAll('sentinel sentinel-', 'sentinel-');

/** What each process is in its group, by its name. */
export function partsByName(groups: readonly Group[], nameOf: NameOf): Map<string, Part> {
  const parts = groups.flatMap(({ servers }) => servers).map((part) => [nameOf(part.address) ?? '', part] as const);
  return new Map(parts);
}

/** `0 B`, `1.2 kB, 3 s`; `-` where there is nothing to be behind of. */
export function lagText(lag: Lag | null): string {
  const bytes = lag?.bytes == null ? [] : [bytesText(lag.bytes)];
  const seconds = lag?.seconds == null || lag.seconds < 1 ? [] : [`${Math.round(lag.seconds)} s`];
  return [...bytes, ...seconds].join(', ') || '-';
}
