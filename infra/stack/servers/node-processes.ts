import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cdcSinkSettings, paymentProviderSettings } from '#contract/settings.ts';
import { cdcDir, cdcSink, instances, replicaSettings, type Settings, type StackPlan } from '../plan/plan.ts';
import type { Role } from '../plan/roles.ts';
import { ticketKeysFile } from '../plan/secrets.ts';
import { keptRoles } from '../plan/servers.ts';
import { httpCheck } from '../supervise/health.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';

/** Our own processes. Each tells on its inner port whether it is ready. */
export function nodeProcesses(plan: StackPlan, seenBy: (name: string) => StackPlan): ProcessSpec[] {
  const servers = (name: string): Settings => {
    const seen = seenBy(name);
    return {
      SECKILL_STOCK_REDIS_URL: seen.redisUrl('stock-redis'),
      ...replicaSettings(plan),
      SECKILL_ZOOKEEPER: seen.zookeeper,
      SECKILL_ZOOKEEPER_AUTH: seen.secrets.zookeeperAuth,
      SECKILL_DATABASE_URL: seen.databaseUrl(),
    };
  };
  const queue = (name: string): Settings => ({ SECKILL_QUEUE_REDIS_URL: seenBy(name).redisUrl('queue-redis') });
  const services = instances.services(plan.services).map((name) =>
    nodeProcess(plan, 'seckill-service', name, {
      ...servers(name),
      ...queue(name),
      SECKILL_LISTEN: `unix:${plan.dir.socket(name)}`,
      SECKILL_TICKET_KEYS_FILE: ticketKeysFile(plan.dir),
    }),
  );
  const inner = (name: string) => `http://127.0.0.1:${plan.port(name)}`;
  const gateways = plan.edges.map(({ edgeId, gateway, agentSocket }) =>
    nodeProcess(plan, 'gateway', gateway, {
      ...servers(gateway),
      SECKILL_LISTEN: `unix:${plan.dir.socket(gateway)}`,
      SECKILL_CACHE_REDIS_URL: seenBy(gateway).redisUrl('queue-redis'),
      SECKILL_AGENT_SOCKET: agentSocket,
      SECKILL_EDGE_ID: edgeId,
      SECKILL_TICKET_KEYS_FILE: ticketKeysFile(plan.dir),
      SECKILL_SESSION_SECRET: plan.secrets.sessionSecret,
      SECKILL_CHALLENGE_SECRET: plan.secrets.challengeSecret,
      SECKILL_DEMO_SIGN_IN: demoSignIn(plan.settings),
      ...queue(gateway),
      SECKILL_CONSOLE_TOKEN: plan.secrets.consoleToken,
      SECKILL_EDGE_INNER_URL: plan.edges.map(({ innerListen }) => `http://${innerListen}`).join(','),
      SECKILL_SERVICE_INNER_URL: instances.services(plan.services).map(inner).join(','),
      SECKILL_WORKER_INNER_URL: inner(instances.worker),
    }),
  );
  const worker = nodeProcess(plan, 'order-worker', instances.worker, {
    ...servers(instances.worker),
    ...queue(instances.worker),
    SECKILL_LISTEN: `unix:${plan.dir.socket(instances.worker)}`,
    SECKILL_SESSION_SECRET: plan.secrets.sessionSecret,
    SECKILL_PUBLIC_URL: plan.settings.SECKILL_PUBLIC_URL ?? plan.edgeUrl,
    ...paymentProvider(plan),
    SECKILL_PERSONAL_KEYS: plan.secrets.personalKeys,
    SECKILL_HAND_OVER_KEY: plan.secrets.handOverKey,
    SECKILL_HAND_OVER_SECRET: plan.secrets.handOverSecret,
    SECKILL_CONSOLE_TOKEN: plan.secrets.consoleToken,
  });
  return [...services, ...gateways, worker, ...cdcProcess(plan, seenBy(instances.cdc)), paymentSandbox(plan)];
}

/** It answers nothing but on its inner address, and stands on two servers. */
function cdcProcess(plan: StackPlan, seen: StackPlan): ProcessSpec[] {
  if (plan.cdc === null || seen.cdcDatabaseUrl === null) return [];
  const settings = {
    SECKILL_ZOOKEEPER: seen.zookeeper,
    SECKILL_ZOOKEEPER_AUTH: seen.secrets.zookeeperAuth,
    SECKILL_CDC_DATABASE_URL: seen.cdcDatabaseUrl,
    ...cdcSink(plan),
  };
  // In the run directory, which other users of the machine read nothing of.
  const prepare = async () => {
    if (plan.settings.SECKILL_CDC_DIR === undefined) await mkdir(cdcDir(plan), { recursive: true, mode: 0o700 });
  };
  return [
    {
      ...nodeProcess(plan, 'cdc', instances.cdc, settings, 'order-worker/cdc/main.ts'),
      after: ['zookeeper', 'postgres'],
      prepare,
    },
  ];
}

/** On, so that a stack can be tried at once; off beside the shop's own sign-in, unless both are asked for. */
const demoSignIn = ({
  SECKILL_DEMO_SIGN_IN: asked,
  SECKILL_SIGN_IN_JWKS_URL: keys,
  SECKILL_SIGN_IN_URL: url,
}: Settings) => asked ?? (keys === undefined && url === undefined ? 'on' : 'off');

/** The sandbox, unless another provider was asked for: that one's settings are given, as its name is. */
function paymentProvider(plan: StackPlan): Settings {
  const provider = plan.settings.SECKILL_PAYMENT_PROVIDER ?? 'http';
  if (provider !== 'http') return {};
  return {
    SECKILL_PAYMENT_URL: plan.paymentUrl,
    SECKILL_PAYMENT_API_KEY: plan.secrets.paymentApiKey,
    SECKILL_PAYMENT_WEBHOOK_SECRET: plan.secrets.paymentWebhookSecret,
  };
}

/** Stands on nothing of ours: a provider is somebody else's house. */
function paymentSandbox(plan: StackPlan): ProcessSpec {
  const name = instances.paymentSandbox;
  const settings = {
    SECKILL_LISTEN: `127.0.0.1:${plan.port('payment-api')}`,
    SECKILL_PAYMENT_API_KEY: plan.secrets.paymentApiKey,
    SECKILL_PAYMENT_WEBHOOK_SECRET: plan.secrets.paymentWebhookSecret,
    SECKILL_PAYMENT_WEBHOOK_URL: `${plan.edgeUrl}/api/payments/webhook`,
    SECKILL_PAYMENT_SANDBOX_FILE: join(plan.dir.data('payment-sandbox'), 'ledger.sqlite'),
  };
  const main = 'infra/payment-sandbox/main.ts';
  return { ...nodeProcess(plan, 'payment-sandbox', name, settings, main), address: plan.paymentUrl, after: [] };
}

function nodeProcess(
  plan: StackPlan,
  role: Role,
  name: string,
  settings: Settings,
  main = `${role}/main.ts`,
): ProcessSpec {
  const inner = `127.0.0.1:${plan.port(name)}`;
  return {
    role,
    name,
    address: settings.SECKILL_LISTEN ?? `http://${inner}`,
    innerUrl: `http://${inner}`,
    portName: name,
    after: keptRoles,
    line: { command: process.execPath, args: [join(plan.checkout, main)] },
    environment: {
      ...plan.baseEnvironment,
      ...without(role, plan.settings),
      SECKILL_INSTANCE: name,
      SECKILL_INNER_LISTEN: inner,
      ...settings,
    },
    cwd: plan.checkout,
    check: httpCheck(`http://${inner}/readyz`),
  };
}

/** A payment provider's keys are for the one process that speaks to it, and a Kafka's for the one that writes there. */
const without = (role: Role, given: Settings): Settings =>
  Object.fromEntries(
    Object.entries(given).filter(([name]) => !ofCdc.has(name) && (role === 'order-worker' || !ofProviders.has(name))),
  );
const withFiles = (names: readonly string[]) => names.flatMap((name) => [name, `${name}_FILE`]);
const ofProviders: ReadonlySet<string> = new Set(Object.values(paymentProviderSettings).flatMap(withFiles));
const ofCdc: ReadonlySet<string> = new Set(Object.values(cdcSinkSettings).flatMap(withFiles));
