import { type SettingName, settings } from '#contract/settings.ts';
import { signInCookieProblem } from '#contract/sign-in.ts';
import { ConfigError, readConfig } from '#runtime/config.ts';
import { StackError } from '../host/errors.ts';
import type { Environment } from '../host/launch.ts';
import type { RunDirectory } from '../host/run-directory.ts';

/**
 * stack    the stack makes it: an address, a secret, a name of one process
 * given    what the caller sets takes effect in the stack that is started
 * beside   the supervisor, commands or tests read it, or a child inherits it as it is
 */
type Origin = 'stack' | 'given' | 'beside';

const origins: Readonly<Record<SettingName, Origin>> = {
  SECKILL_STOCK_REDIS_URL: 'stack',
  SECKILL_STOCK_REDIS_URL_FILE: 'stack',
  SECKILL_STOCK_REPLICAS: 'stack',
  SECKILL_QUEUE_REDIS_URL: 'stack',
  SECKILL_QUEUE_REDIS_URL_FILE: 'stack',
  SECKILL_CACHE_REDIS_URL: 'stack',
  SECKILL_CACHE_REDIS_URL_FILE: 'stack',
  SECKILL_ZOOKEEPER: 'stack',
  SECKILL_ZOOKEEPER_AUTH: 'stack',
  SECKILL_ZOOKEEPER_AUTH_FILE: 'stack',
  SECKILL_DATABASE_URL: 'stack',
  SECKILL_DATABASE_URL_FILE: 'stack',
  SECKILL_CDC_DATABASE_URL: 'stack',
  SECKILL_CDC_DATABASE_URL_FILE: 'stack',
  SECKILL_CDC_SINK: 'stack',
  SECKILL_CDC_DIR: 'given',
  SECKILL_CDC_KAFKA_URL: 'given',
  SECKILL_CDC_KAFKA_URL_FILE: 'given',
  SECKILL_CDC_KAFKA_CA_FILE: 'given',
  SECKILL_CDC_RATE: 'given',
  SECKILL_LISTEN: 'stack',
  SECKILL_INNER_LISTEN: 'stack',
  SECKILL_AGENT_SOCKET: 'stack',
  SECKILL_EDGE_ID: 'stack',
  SECKILL_EDGE_URL: 'stack',
  SECKILL_EDGE_URLS: 'stack',
  SECKILL_EDGE_CONNECT: 'beside',
  SECKILL_EDGE_CA_FILE: 'beside',
  SECKILL_STATUS_COMMAND: 'beside',
  SECKILL_EDGE_INNER_URL: 'stack',
  SECKILL_PRICE_FLOOR: 'beside',
  SECKILL_SERVICE_INNER_URL: 'stack',
  SECKILL_WORKER_INNER_URL: 'stack',
  SECKILL_PAGES_DIR: 'stack',
  SECKILL_BRAND_DIR: 'given',
  SECKILL_TICKET_KEYS: 'stack',
  SECKILL_TICKET_KEYS_FILE: 'stack',
  SECKILL_TICKET_TTL_SECONDS: 'given',
  SECKILL_SESSION_SECRET: 'stack',
  SECKILL_SESSION_SECRET_FILE: 'stack',
  SECKILL_CHALLENGE_SECRET: 'stack',
  SECKILL_CHALLENGE_SECRET_FILE: 'stack',
  SECKILL_PUBLIC_URL: 'given',
  SECKILL_EMBED_ORIGINS: 'given',
  SECKILL_PERSONAL_KEYS: 'stack',
  SECKILL_PERSONAL_KEYS_FILE: 'stack',
  SECKILL_PAYMENT_PROVIDER: 'given',
  SECKILL_PAYMENT_URL: 'stack',
  SECKILL_PAYMENT_API_KEY: 'stack',
  SECKILL_PAYMENT_API_KEY_FILE: 'stack',
  SECKILL_PAYMENT_WEBHOOK_SECRET: 'stack',
  SECKILL_PAYMENT_WEBHOOK_SECRET_FILE: 'stack',
  SECKILL_STRIPE_SECRET_KEY: 'given',
  SECKILL_STRIPE_SECRET_KEY_FILE: 'given',
  SECKILL_STRIPE_WEBHOOK_SECRET: 'given',
  SECKILL_STRIPE_WEBHOOK_SECRET_FILE: 'given',
  SECKILL_STRIPE_API_URL: 'given',
  SECKILL_ALIPAY_APP_ID: 'given',
  SECKILL_ALIPAY_PRIVATE_KEY: 'given',
  SECKILL_ALIPAY_PRIVATE_KEY_FILE: 'given',
  SECKILL_ALIPAY_PUBLIC_KEY: 'given',
  SECKILL_ALIPAY_PUBLIC_KEY_FILE: 'given',
  SECKILL_ALIPAY_GATEWAY_URL: 'given',
  SECKILL_ALIPAY_WAY: 'given',
  SECKILL_PAYMENT_DEADLINE_MS: 'given',
  SECKILL_PAYMENT_CHECK_AFTER_MS: 'given',
  SECKILL_HAND_OVER_KEY: 'stack',
  SECKILL_HAND_OVER_KEY_FILE: 'stack',
  SECKILL_HAND_OVER_SECRET: 'stack',
  SECKILL_HAND_OVER_SECRET_FILE: 'stack',
  SECKILL_REFUND_TRIES: 'given',
  SECKILL_REFUND_FIRST_WAIT_MS: 'given',
  SECKILL_REFUND_LONGEST_WAIT_MS: 'given',
  SECKILL_AUDIT_EVERY_MS: 'given',
  SECKILL_PAYMENT_WEBHOOK_URL: 'stack',
  SECKILL_PAYMENT_SANDBOX_FILE: 'stack',
  SECKILL_CONSOLE_TOKEN: 'stack',
  SECKILL_CONSOLE_TOKEN_FILE: 'stack',
  SECKILL_CONSOLE_QUEUES_WRITABLE: 'given',
  SECKILL_SIGN_IN_JWKS_URL: 'given',
  SECKILL_SIGN_IN_ISSUER: 'given',
  SECKILL_SIGN_IN_AUDIENCE: 'given',
  SECKILL_SIGN_IN_URL: 'given',
  SECKILL_SIGN_IN_COOKIE: 'given',
  SECKILL_DEMO_SIGN_IN: 'given',
  SECKILL_ORDER_STREAMS: 'given',
  SECKILL_INSTANCE: 'stack',
  SECKILL_LOG_LEVEL: 'given',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'beside',
  OTEL_TRACES_SAMPLER_ARG: 'beside',
  SECKILL_RUN_DIR: 'beside',
  SECKILL_ZOOKEEPER_CLASSPATH: 'beside',
  SECKILL_K6: 'beside',
  SECKILL_CHROMIUM: 'beside',
};

const namesOf = (origin: Origin) => (Object.keys(origins) as SettingName[]).filter((name) => origins[name] === origin); // the table's own keys

/**
 * The settings of the caller that take effect in the stack which is started in `dir`. Throws a {@link StackError} of the
 * kind `configuration` with every problem: a wrong value, a name that is none, and what the stack makes itself, which
 * would be dropped.
 */
export function givenSettings(environment: Environment, dir: RunDirectory): Partial<Record<SettingName, string>> {
  const isSet = (name: SettingName) => environment[name] !== undefined;
  const names = namesOf('given').filter(isSet);
  const problems = namesOf('stack')
    .filter(isSet)
    .map((name) => `${name} is made by the stack on this machine (secrets are in ${dir.secrets}): unset it`);
  const { SECKILL_SIGN_IN_URL: url, SECKILL_SIGN_IN_COOKIE: cookie } = environment;
  const signInProblem = signInCookieProblem({ url, cookie });
  if (signInProblem !== null) problems.push(signInProblem);
  try {
    readConfig(settings, names, environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (problems.length > 0) {
    const list = problems.map((problem) => `  - ${problem}`).join('\n');
    throw new StackError('configuration', `settings that the stack cannot be started with:\n${list}`);
  }
  return Object.fromEntries(names.map((name) => [name, environment[name]]));
}
