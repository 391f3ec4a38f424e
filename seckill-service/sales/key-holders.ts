import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { readEdges } from './edges.ts';
import { readServices } from './services.ts';

/** A process that signs or checks tickets, and the ids of the keys that it knows, the signing one first. */
export type KeyHolder = { name: string; kind: 'nginx' | 'gateway' | 'service'; keyIds: string[] };

/** Every connected process that knows ticket keys. Throws while ZooKeeper does not answer. */
export async function readKeyHolders(zookeeper: ZooKeeper): Promise<KeyHolder[]> {
  const [edges, services] = await Promise.all([readEdges(zookeeper), readServices(zookeeper)]);
  return [
    ...edges.flatMap(({ edgeId, keyIds, gatewayKeyIds }): KeyHolder[] => [
      { name: edgeId, kind: 'nginx', keyIds },
      { name: edgeId, kind: 'gateway', keyIds: gatewayKeyIds },
    ]),
    ...services.map(({ instance, keyIds }): KeyHolder => ({ name: instance, kind: 'service', keyIds })),
  ];
}
