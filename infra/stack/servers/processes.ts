import type { StackPlan } from '../plan/plan.ts';
import { type Role, roles } from '../plan/roles.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';
import { edgeServer } from './edge-server.ts';
import { nodeProcesses } from './node-processes.ts';
import { patroniServer } from './patroni-server.ts';
import { postgresServer } from './postgres-server.ts';
import { redisServer } from './redis-server.ts';
import { sentinelServer } from './sentinel-server.ts';
import { zookeeperServer } from './zookeeper-server.ts';

const makers: Record<
  Exclude<Role, 'gateway' | 'seckill-service' | 'order-worker' | 'cdc' | 'payment-sandbox'>,
  (plan: StackPlan) => ProcessSpec[]
> = {
  'stock-redis': (plan) => plan.servers('stock-redis').map((server) => redisServer(plan, 'stock-redis', server)),
  'queue-redis': (plan) => plan.servers('queue-redis').map((server) => redisServer(plan, 'queue-redis', server)),
  sentinel: (plan) => plan.servers('sentinel').map((server) => sentinelServer(plan, server)),
  zookeeper: (plan) => plan.servers('zookeeper').map((server) => zookeeperServer(plan, server)),
  postgres: (plan) =>
    plan.servers('postgres').map((server) => (plan.ha ? patroniServer : postgresServer)(plan, server)),
  edge: (plan) => plan.edges.map((edge) => edgeServer(plan, edge)),
};

/**
 * The table of processes. `only`: the roles to start, for tests of a part; a missing dependency is then not awaited.
 * `seenBy`: the plan as the process of that name is to see it, when that is not the truth.
 */
export function processTable(
  plan: StackPlan,
  only: readonly Role[] = roles,
  seenBy: (name: string) => StackPlan = () => plan,
): ProcessSpec[] {
  const ours = nodeProcesses(plan, seenBy);
  return roles
    .filter((role) => only.includes(role))
    .flatMap((role) =>
      role in makers ? makers[role as keyof typeof makers](plan) : ours.filter((spec) => spec.role === role),
    );
}
