import { counted } from '#runtime/counted.ts';
import { ensembleTroubles, quorumTrouble, readEnsemble, type ZooKeeperServer } from '#runtime/zookeeper/topology.ts';
import { type Found, fail, pass, warn } from './finding.ts';

const enough = 3;

/** Whether ZooKeeper serves, and goes on when a machine is lost. `isReplicated`: stock Redis outlives one. */
export async function checkZooKeeper(connection: string, isReplicated: boolean): Promise<Found[]> {
  return judgeEnsemble(await readEnsemble(connection), isReplicated);
}

export function judgeEnsemble(servers: readonly ZooKeeperServer[], isReplicated: boolean): Found[] {
  const noQuorum = quorumTrouble(servers);
  if (noQuorum !== null) return [fail(noQuorum, 'start the servers of ZooKeeper: more than half of them must run')];
  const troubles = ensembleTroubles(servers);
  if (troubles.length > 0) return troubles.map((says) => warn(says, 'start that server of ZooKeeper, and see its log'));
  const [first] = servers;
  if (servers.length === 1) {
    const says = `one server${first?.kind === 'serving' && first.role !== 'standalone' ? ' of an ensemble' : ''}`;
    const name = 'SECKILL_ZOOKEEPER=h1:2181,h2:2181,h3:2181, every server of an ensemble of three';
    return [
      isReplicated ? warn(`${says} is named: when it is away, no sale is opened, paused or closed`, name) : pass(says),
    ];
  }
  if (servers.length < enough) {
    return [warn('two servers outlive the loss of none: both are more than half', 'a third server of ZooKeeper')];
  }
  const leader = servers.find((server) => server.kind === 'serving' && server.role === 'leader');
  return [pass(`${counted(servers.length, 'server')} serve${leader === undefined ? '' : `, ${leader.address} leads`}`)];
}
