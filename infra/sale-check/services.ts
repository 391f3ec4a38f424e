import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { readServices } from '#sales/services.ts';
import { type Found, fail, pass, warn } from './finding.ts';

const closed =
  'seckill status   (the gate needs stock Redis, and PostgreSQL or ZooKeeper; the log of that service says which)';

/** By what each service tells ZooKeeper of itself: is one there, and does each let purchases through to stock Redis. */
export async function checkServices(zookeeper: ZooKeeper): Promise<Found[]> {
  const services = await readServices(zookeeper);
  if (services.length === 0) return [fail('no seckill-service is connected: nobody decides', 'seckill status')];
  const found = services.flatMap(({ instance, gate }): Found[] => {
    if (gate === 'closed') return [fail(`${instance} lets no purchase through: its gate is closed`, closed)];
    return gate === null ? [warn(`${instance} does not say whether its gate is open`, 'a newer seckill-service')] : [];
  });
  return found.length > 0 ? found : [pass(`${services.map(({ instance }) => instance).join(', ')}: the gate is open`)];
}
