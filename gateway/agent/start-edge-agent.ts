import type { EdgeOffice } from '#contract/edge-office.ts';
import { type EdgeNode, nothingApplied } from '#contract/edge-stream.ts';
import type { SaleNode } from '#contract/sale.ts';
import type { TicketKey } from '#contract/ticket.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Own } from '#runtime/belongings.ts';
import type { Followed } from '#runtime/follow-setting.ts';
import type { Logger } from '#runtime/logger.ts';
import { Gauge, type Registry } from '#runtime/metrics.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { Folder } from '#runtime/zookeeper/folder.ts';
import { keepPresence, type Presence } from '#runtime/zookeeper/presence.ts';
import { startAgent } from './stream.ts';
import { watchSettings } from './watch-settings.ts';

/** The agent of our nginx, what it takes from ZooKeeper, and the node in which it tells what its nginx obeys. */
export async function startEdgeAgent(deps: {
  own: Own;
  edgeId: string;
  socketPath: string;
  zookeeper: ZooKeeper;
  sales: Folder<SaleNode>;
  ticketKeys: Followed<readonly TicketKey[]>;
  office: Followed<EdgeOffice>;
  logger: Logger;
  registers: Registry[];
}): Promise<void> {
  const { own, edgeId, socketPath, zookeeper, sales, ticketKeys, office, logger, registers } = deps;
  let newsAt = new Date();
  // An nginx may have answered before there is a node to tell it in.
  let presence: Presence | null = null;
  const tellNews = () => {
    newsAt = new Date();
    presence?.nudge();
  };
  const settings = own('edge settings', watchSettings({ zookeeper, logger }));
  const agent = own(
    'agent',
    await startAgent({ socketPath, sales, settings, ticketKeys, office, logger, onNews: tellNews }),
  );
  ticketKeys.onChange(tellNews);
  presence = own(
    'presence',
    keepPresence({
      zookeeper,
      path: zookeeperPaths.edge(edgeId),
      logger,
      data: () => {
        const node: EdgeNode = {
          edgeId,
          ...(agent.applied() ?? nothingApplied),
          appliedAt: newsAt.toISOString(),
          silentSince: agent.silentSince()?.toISOString() ?? null,
          gatewayKeyIds: ticketKeys.get().map(({ id }) => id),
        };
        return Buffer.from(JSON.stringify(node));
      },
    }),
  );
  const connectedEdges: Gauge = new Gauge({
    name: 'seckill_agent_edge_connected',
    help: '1 while our nginx follows the stream',
    registers,
    collect: () => {
      connectedEdges.set(agent.connected() ? 1 : 0);
    },
  });
}
