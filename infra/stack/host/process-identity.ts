import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

type Stat = { state: string; group: number; session: number; startTicks: number };

/** /proc/<pid>/stat, proc(5): the fields after the command's closing parenthesis, which may hold anything itself. */
function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
      state: fields[0] ?? '?',
      group: Number(fields[2]),
      session: Number(fields[3]),
      startTicks: Number(fields[19]),
    };
  } catch {
    return null;
  }
}

let bootId: string | undefined;
function readBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return bootId;
}

/**
 * What tells this process from a later one with the same pid: the boot and the start time in ticks. Null when there is
 * no such process any more; a zombie is none.
 */
export async function identityOf(pid: number): Promise<string | null> {
  if (process.platform === 'linux') {
    const stat = readStat(pid);
    return stat === null || stat.state === 'Z' || stat.state === 'X' ? null : `${readBootId()}/${stat.startTicks}`;
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=,stat=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  const [, started, state] = /^\s*(.+?)\s+(\S+)\s*$/.exec(stdout) ?? [];
  return started === undefined || state?.startsWith('Z') ? null : started;
}

export async function isSameProcess(pid: number | null, identity: string | null): Promise<boolean> {
  return pid !== null && identity !== null && (await identityOf(pid)) === identity;
}

/**
 * Living members of the process group that `pid` led, without `pid` itself: what a killed server left behind (nginx
 * workers). The kernel hands out no pid that is still a group's name, so a group whose members are all younger than
 * the leader is the leader's. Linux only; elsewhere none.
 */
export function orphansOf(pid: number, identity: string): number[] {
  if (process.platform !== 'linux') return [];
  const [boot, ticks] = identity.split('/');
  if (boot !== readBootId()) return [];
  const leader = readStat(pid);
  if (leader !== null && leader.startTicks !== Number(ticks)) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => {
      const stat = other === pid ? null : readStat(other);
      if (stat === null || stat.state === 'Z') return false;
      return stat.group === pid && stat.session === pid && stat.startTicks >= Number(ticks);
    });
}
