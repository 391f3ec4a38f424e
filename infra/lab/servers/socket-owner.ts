import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Whose the connections from 127.0.0.1 are, by the ports they come from. `pids`: processes to look at, by a name each.
 * From /proc: some milliseconds, so nothing to ask for each of many connections.
 */
export function socketOwners(pids: ReadonlyMap<string, number>): (port: number) => string | null {
  const names = new Map<string, string>();
  for (const [name, pid] of pids) for (const inode of socketsOf(pid)) names.set(inode, name);
  const owners = new Map<number, string>();
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local = '', , , , , , , , inode = ''] = line.trim().split(/\s+/);
    const name = names.get(inode);
    const [address, port = ''] = local.split(':');
    if (name !== undefined && address === '0100007F') owners.set(Number.parseInt(port, 16), name);
  }
  return (port) => owners.get(port) ?? null;
}

/** Empty for a process that is gone. */
function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}
