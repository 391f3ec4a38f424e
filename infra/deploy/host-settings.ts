import { edgeOpenFiles, limitIn } from '../stack/supervise/process-limits.ts';

/**
 * What a Linux machine of ours should be set to, and why: data, for whoever checks a machine (`seckill sale check` does)
 * or sets one up. `read` names the file below /proc or /sys; `least` is a number that it must reach, `most` one that it
 * must not pass, `oneOf` the words that will do. `sysctl.d/99-seckill.conf` is made of the same; a test compares.
 */
export type HostSetting = {
  name: string;
  read: string;
  wanted: { least: number } | { most: number } | { oneOf: readonly string[] };
  why: string;
  /** The command that sets it until the next start of the machine. */
  mend: string;
};

export const hostSettings: readonly HostSetting[] = [
  {
    name: 'net.core.somaxconn',
    read: '/proc/sys/net/core/somaxconn',
    wanted: { least: 4096 },
    why: 'a crowd connects in one instant; nginx asks for a queue of 4096, and this caps it',
    mend: 'sysctl -w net.core.somaxconn=4096',
  },
  {
    name: 'net.ipv4.tcp_max_syn_backlog',
    read: '/proc/sys/net/ipv4/tcp_max_syn_backlog',
    wanted: { least: 1024 },
    why: 'connections that are being made wait here; below it the kernel falls back to SYN cookies early',
    mend: 'sysctl -w net.ipv4.tcp_max_syn_backlog=8192',
  },
  {
    name: 'vm.overcommit_memory',
    read: '/proc/sys/vm/overcommit_memory',
    wanted: { oneOf: ['1'] },
    why: 'Redis forks to rewrite its append-only file, and the fork must not fail for memory it will hardly touch',
    mend: 'sysctl -w vm.overcommit_memory=1',
  },
  {
    name: 'net.ipv4.ip_local_port_range',
    read: '/proc/sys/net/ipv4/ip_local_port_range',
    wanted: { least: 28_000 },
    why: 'every connection from an edge to another machine takes a port, and keeps it for a minute after its end',
    mend: 'sysctl -w net.ipv4.ip_local_port_range="10240 65535"',
  },
  {
    name: 'vm.swappiness',
    read: '/proc/sys/vm/swappiness',
    wanted: { most: 60 },
    why: 'a page of Redis that was swapped out is a purchase that waits for the disk',
    mend: 'sysctl -w vm.swappiness=1',
  },
  {
    name: 'transparent_hugepage',
    read: '/sys/kernel/mm/transparent_hugepage/enabled',
    wanted: { oneOf: ['madvise', 'never'] },
    why: 'with "always" a fork of Redis copies 2 MB for each byte that changes: pauses in the middle of a sale',
    mend: 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled',
  },
  {
    name: 'fs.file-max',
    read: '/proc/sys/fs/file-max',
    wanted: { least: 200_000 },
    why: 'two descriptors a proxied connection, and one a stream of events, over all processes',
    mend: 'sysctl -w fs.file-max=1000000',
  },
  {
    name: 'open files (ulimit -n)',
    read: '/proc/self/limits',
    wanted: { least: edgeOpenFiles },
    why: `nginx raises its own to ${edgeOpenFiles} (worker_rlimit_nofile), and the hard limit must let it`,
    mend: 'ulimit -Hn 65535   (LimitNOFILE=65535 in a systemd unit)',
  },
];

/**
 * The value in what the file says: the chosen word of a list, the hard limit of open files, how many ports a range holds,
 * or the text as it is.
 */
export function hostValue(setting: Pick<HostSetting, 'read'>, text: string): string {
  if (setting.read === '/proc/self/limits') return limitIn(text, 'Max open files', 'hard') ?? '';
  const [, first, last] = /^(\d+)\s+(\d+)\s*$/.exec(text) ?? [];
  if (first !== undefined && last !== undefined) return String(Number(last) - Number(first) + 1);
  return /\[(\w+)\]/.exec(text)?.[1] ?? text.trim();
}

export function isEnough({ wanted }: Pick<HostSetting, 'wanted'>, value: string): boolean {
  if ('oneOf' in wanted) return wanted.oneOf.includes(value);
  if ('most' in wanted) return value !== '' && Number(value) <= wanted.most;
  return value === 'unlimited' || Number(value) >= wanted.least;
}

/** What is wanted, for people. */
export function wantedText({ wanted }: Pick<HostSetting, 'wanted'>): string {
  if ('oneOf' in wanted) return wanted.oneOf.join(' or ');
  return 'most' in wanted ? `at most ${wanted.most}` : `at least ${wanted.least}`;
}

/** The text of a file for /etc/sysctl.d: what the kernel can be told that way, each with its reason. */
export function sysctlText(settings: readonly HostSetting[] = hostSettings): string {
  const lines = settings.flatMap(({ name, why, mend }) => {
    const value = /^sysctl -w [\w.-]+="?([^"]+)"?$/.exec(mend)?.[1];
    return value === undefined ? [] : [`# ${why}\n${name} = ${value}\n`];
  });
  return `# For /etc/sysctl.d, then: sysctl --system. Made of infra/deploy/host-settings.ts.\n\n${lines.join('\n')}`;
}
