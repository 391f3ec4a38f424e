import type { EdgeNode } from '#contract/edge-stream.ts';
import { stackEnvironment, stackStatus } from '../../stack/running-stack.ts';
import type { Group } from '../../stack/topology/group.ts';
import { appliedTable } from '../edge/edges-text.ts';
import { callerSettings } from '../kit/caller-settings.ts';
import { CliError } from '../kit/cli-error.ts';
import { commandConfig } from '../kit/command-config.ts';
import { neededSettings } from '../kit/needed-settings.ts';
import { groupsText, namesByAddress, partsByName } from './groups-text.ts';
import type { StackContext } from './stack-context.ts';
import { describeStatus } from './stack-status-table.ts';

/**
 * What `seckill status` says: every process of the stack, and where its servers stand more than once, who leads them. Where no
 * stack runs: the servers that the caller's settings name, when they name all of them.
 */
export async function showStatus({ run, output, dir }: StackContext): Promise<void> {
  const found = await stackStatus(dir);
  const environment = found.running ? ((await stackEnvironment(dir)) ?? {}) : callerSettings(run);
  const [edges, groups] = await Promise.all([
    found.running ? connectedEdges(environment) : null,
    found.ha || (!found.running && namesServers(environment)) ? groupsOf(environment) : [],
  ]);
  const nameOf = namesByAddress(found.processes);
  const { width } = output;
  const text = [
    describeStatus(found, Date.now(), width, partsByName(groups, nameOf)),
    ...(groups.length > 0 ? [groupsText(groups, nameOf)] : []),
    ...(found.running ? [appliedTable(edges, Date.now(), width)] : []),
  ];
  output.result({ ...found, edges, groups }, text.join('\n\n'));
  const away = found.processes.some(({ health }) => health !== 'up');
  const missing = groups.some(({ problems }) => problems.length > 0);
  if (!found.running && groups.length === 0) throw new CliError(`nothing runs in ${found.dir}`, 1);
  if (away) throw new CliError('not every process is up', 1);
  if (missing) throw new CliError('something is missing among the servers', 1);
}

const namesServers = (environment: Readonly<Record<string, string | undefined>>): boolean =>
  neededSettings.every((name) => (environment[name] ?? environment[`${name}_FILE`]) !== undefined);

async function groupsOf(environment: Readonly<Record<string, string | undefined>>): Promise<Group[]> {
  return (await import('../../stack/topology/read-groups.ts')).readGroups(environment);
}

/** What each edge says in ZooKeeper that it has applied; null while ZooKeeper does not answer. */
async function connectedEdges(environment: Readonly<Record<string, string | undefined>>): Promise<EdgeNode[] | null> {
  const { SECKILL_ZOOKEEPER: connection } = commandConfig(['SECKILL_ZOOKEEPER'], environment);
  // The table of processes tells how ZooKeeper is.
  return (await import('../edge/connected-edges.ts')).readConnectedEdges(connection).catch(() => null);
}
