import { Redis, type RedisOptions } from 'ioredis';
import { createThrottledWarn, type Logger } from '../logger.ts';
import { readSslRootCert } from '../ssl-root-cert.ts';

export type { Redis };

/** replyMapping `legacy` keeps the flat shapes of ioredis 5 under RESP3. */
type Options = RedisOptions & { replyMapping: 'legacy' };
const common: Options = {
  replyMapping: 'legacy',
  connectTimeout: 2000,
  // It was the primary, and whoever demoted it left the link up: the address may lead to the new one by now.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
  retryStrategy: (attempt) => Math.min(50 * attempt, 500),
};

/** So long a decision waits for its answer; a question that is older is not carried out either (purchase/gate.ts). */
export const hotDeadlineMs = 1000;

/**
 * The kinds of connection. What each must not do was found with a proxy that drops replies; see docs/decisions.
 *
 * hot       decisions: sent once, never resent, rejected at once when the link is lost (the outcome is then unknown)
 * queue     BullMQ: waits for the server for ever, as BullMQ demands
 * patient   scripts that are idempotent by themselves (relay, commit, CLI): resent by the driver, with a deadline
 * listening pub/sub: whoever listens pings every second, so that a dead link is noticed
 */
const kinds = {
  hot: {
    ...common,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    commandTimeout: hotDeadlineMs,
    // A link that swallows bytes is cut and made anew: commandTimeout alone would let every later command meet it.
    socketTimeout: hotDeadlineMs,
  },
  // BullMQ blocks for at most 10 s: silence for longer is a dead link.
  queue: { ...common, maxRetriesPerRequest: null, socketTimeout: 15_000 },
  patient: { ...common, maxRetriesPerRequest: 3, commandTimeout: 5000, socketTimeout: 3000 },
  listening: { ...common, maxRetriesPerRequest: null, socketTimeout: 3000 },
} satisfies Record<string, Options>;

/**
 * Opens a connection of that kind. Errors are logged, throttled; without a listener ioredis would swallow them. `rediss://`
 * is TLS: certificate and name are checked, against the authorities of `sslrootcert` where the URL has one. Throws
 * ConfigError when that file cannot be read.
 */
export function connectRedis(kind: keyof typeof kinds, url: string, logger: Logger): Redis {
  const { href, tls } = placeOf(url);
  const options: Options = { ...kinds[kind], ...tls };
  const redis = new Redis(href, options);
  const warn = createThrottledWarn(logger);
  redis.on('error', (error: unknown) => warn(error, `redis (${kind}) connection`));
  return redis;
}

/** The URL as the driver takes it, with user and password, and how it speaks TLS. */
function placeOf(url: string): { href: string; tls?: Pick<RedisOptions, 'tls'> } {
  const ca = readSslRootCert(url);
  if (ca === null) return { href: url };
  const parsed = new URL(url);
  parsed.searchParams.delete('sslrootcert');
  return { href: parsed.href, tls: { tls: { ca } } };
}

/** Ready when the server answers. */
export function redisReady(redis: Redis): () => Promise<string | null> {
  return async () => {
    if (redis.status !== 'ready') return redis.status;
    return redis.ping().then(
      () => null,
      (error: unknown) => String(error),
    );
  };
}

/** Drops connections at once: what was in flight is rejected. */
export function disconnectRedis(...connections: readonly Redis[]): void {
  for (const redis of connections) redis.disconnect();
}
