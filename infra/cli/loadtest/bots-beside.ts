import { startSlowClients } from '#loadtest/run/slow-clients.ts';
import { changeEdgeSettings, readEdgeSettings, unreadable } from '#sales/edge-settings.ts';
import { waitForEdges } from '#sales/edges.ts';
import type { CommandContext } from '../kit/connections.ts';

const slowClients = 200;
/** Of one address, for as long as the bots run: a stack on one machine has no such limit, all its shoppers share one. */
const addressLimit = { addressPerSecond: 100, addressBurst: 200 };

/** A limit by address on every edge, and clients that never finish a request; both are gone when the result is called. */
export async function besideBots(context: CommandContext, edgeUrl: string): Promise<() => Promise<string[]>> {
  const { zookeeper, output } = context;
  const set = await readEdgeSettings(zookeeper);
  const before = set === null || set === unreadable ? {} : set.limits;
  const change = async (limits: typeof before) => {
    const { version } = await changeEdgeSettings(zookeeper, (current) => ({ ...current, limits }));
    await waitForEdges(zookeeper, ({ settingsVersion }) => settingsVersion >= version);
  };
  output.progress('every edge limits one address to 100 requests a second meanwhile ("seckill edge reset" undoes it)');
  await change({ ...before, ...addressLimit });
  const slow = startSlowClients(edgeUrl, slowClients);
  return async () => {
    const { opened, closedByEdge } = slow.stop();
    await change(before);
    return [
      `${slowClients} slow clients held a connection each and never finished a request; the edge put out ${closedByEdge} of ${opened}.`,
      'While the bots ran, every edge let 100 requests a second through from one address; the limit of before is back.',
    ];
  };
}
