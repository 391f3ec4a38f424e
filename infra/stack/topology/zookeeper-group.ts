import { ensembleTroubles, quorumTrouble, readEnsemble, serverTrouble } from '#runtime/zookeeper/topology.ts';
import type { Group } from './group.ts';

/** Who leads the ensemble of a `host:port[,host:port]`, and who serves. Never rejects. */
export async function zookeeperGroup(connection: string): Promise<Group> {
  const servers = await readEnsemble(connection);
  const trouble = quorumTrouble(servers);
  const serving = servers.filter(({ kind }) => kind === 'serving');
  const leader = servers.find((server) => server.kind === 'serving' && server.role === 'leader');
  const alone = servers.length === 1 && serving.length === 1;
  const who = alone ? `${servers[0]?.address} stands alone` : `${leader?.address ?? 'no server'} leads`;
  return {
    name: 'ZooKeeper',
    says: trouble ?? (alone ? who : `${who}; ${serving.length} of ${servers.length} servers serve`),
    problems: trouble === null ? ensembleTroubles(servers) : [trouble],
    servers: servers.map((server) => ({
      address: server.address,
      part: server.kind !== 'serving' ? null : server.role === 'standalone' ? 'alone' : server.role,
      lag: null,
      problem: serverTrouble(server),
    })),
  };
}
