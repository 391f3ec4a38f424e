import { join } from 'node:path';
import type { SettingName } from '#contract/settings.ts';
import { httpCheck } from './health.ts';
import { agentSocket, instances, type StackPlan } from './plan.ts';
import type { ProcessSpec } from './process-spec.ts';
import type { Role } from './roles.ts';

type Settings = Partial<Record<SettingName, string>>;

/** Our own processes. All stand on the four servers; each tells on its inner port whether it is ready. */
export function nodeProcesses(plan: StackPlan, seenBy: (name: string) => StackPlan): ProcessSpec[] {
  const servers = (name: string): Settings => {
    const seen = seenBy(name);
    return {
      SECKILL_STOCK_REDIS_URL: seen.redisUrl('stock-redis'),
      SECKILL_ZOOKEEPER: seen.zookeeper,
      SECKILL_DATABASE_URL: seen.databaseUrl(),
    };
  };
  const queue = (name: string): Settings => ({ SECKILL_QUEUE_REDIS_URL: seenBy(name).redisUrl('queue-redis') });
  const services = instances.services(plan.services).map((name) =>
    nodeProcess(plan, 'seckill-service', name, {
      ...servers(name),
      ...queue(name),
      SECKILL_LISTEN: `unix:${plan.dir.socket(name)}`,
      SECKILL_TICKET_KEYS: plan.secrets.ticketKeys,
      SECKILL_LOG_LEVEL: 'info',
    }),
  );
  const gateway = nodeProcess(plan, 'gateway', instances.gateway, {
    ...servers(instances.gateway),
    SECKILL_LISTEN: `unix:${plan.dir.socket(instances.gateway)}`,
    SECKILL_AGENT_SOCKET: agentSocket(plan.dir),
    SECKILL_EDGE_ID: instances.edge,
    SECKILL_TICKET_KEYS: plan.secrets.ticketKeys,
    SECKILL_SESSION_SECRET: plan.secrets.sessionSecret,
    SECKILL_DEMO_SIGN_IN: 'on',
  });
  const worker = nodeProcess(plan, 'order-worker', instances.worker, {
    ...servers(instances.worker),
    ...queue(instances.worker),
  });
  return [...services, gateway, worker];
}

function nodeProcess(plan: StackPlan, role: Role, name: string, settings: Settings): ProcessSpec {
  const inner = `127.0.0.1:${plan.port(name)}`;
  return {
    role,
    name,
    address: settings.SECKILL_LISTEN ?? `http://${inner}`,
    portName: name,
    after: ['stock-redis', 'queue-redis', 'zookeeper', 'postgres'],
    line: { command: process.execPath, args: [join(plan.checkout, role, 'main.ts')] },
    environment: { ...plan.baseEnvironment, SECKILL_INSTANCE: name, SECKILL_INNER_LISTEN: inner, ...settings },
    cwd: plan.checkout,
    check: httpCheck(`http://${inner}/readyz`),
  };
}
