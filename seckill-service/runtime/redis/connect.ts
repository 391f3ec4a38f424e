import { Redis, type RedisOptions } from 'ioredis';
import { createThrottledWarn, type Logger } from '../logger.ts';
import { type RedisPlace, redisPlaceOf, type SentinelPlace } from './place.ts';
import { type PrimaryLink, primaryConnector } from './primary-connector.ts';
import { sentinelWatch } from './sentinel-watch.ts';

export type { Redis };

/** replyMapping `legacy` keeps the flat shapes of ioredis 5 under RESP3. */
type Options = RedisOptions & { replyMapping: 'legacy' };
type SinglePlace = Extract<RedisPlace, { kind: 'single' }>;
const common: Options = {
  replyMapping: 'legacy',
  connectTimeout: 2000,
  // It was the primary, and was demoted with the link left up: the address may lead to the new one by now.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
  retryStrategy: (attempt) => Math.min(50 * attempt, 500),
};

/** How long a decision waits for its answer; a question that is older is not carried out either (purchase/gate.ts). */
export const hotDeadlineMs = 1000;

/**
 * The kinds of connection. What each must not do was found with a proxy that drops replies; see docs/decisions.
 *
 * hot       decisions: sent once, never resent, rejected at once when the link is lost (the outcome is then unknown)
 * queue     BullMQ: waits for the server for ever, as BullMQ demands
 * patient   scripts that are idempotent by themselves (relay, commit, CLI): resent by the driver, with a deadline
 * listening pub/sub: the listener pings every second, so that a dead link is noticed
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

/** Where Sentinel finds the primary: a failover is ridden out within the deadline of a command, not counted in connections. */
const throughSentinel = {
  connectTimeout: 1000,
  retryStrategy: (attempt: number) => Math.min(20 * attempt, 100),
} satisfies Partial<Options>;

const links = new WeakMap<Redis, PrimaryLink>();

/**
 * Opens a connection of that kind to the primary at `url`, which {@link redisPlaceOf} reads: to that server, or to who the
 * sentinels name. It comes back by itself for as long as it takes, and leaves a server that is a primary no more. Errors are
 * logged, throttled; without a listener ioredis would swallow them. `rediss` is TLS: certificate and name are checked.
 * `duplicate()` gives the same kind to the same place. Throws ConfigError where the URL or its file of authorities is of no use.
 */
export function connectRedis(kind: keyof typeof kinds, url: string, logger: Logger): Redis {
  const place = redisPlaceOf(url);
  const link: PrimaryLink = { at: null, trouble: null };
  const redis = place.kind === 'single' ? single(kind, place, link) : primaryOf(kind, url, place, link, logger);
  links.set(redis, link);
  const warn = createThrottledWarn(logger);
  redis.on('error', (error: unknown) => warn(error, `redis (${kind}) connection`));
  return redis;
}

/**
 * What the sentinels know of the primary that a connection of {@link connectRedis} leads to; null where none are asked.
 * WAIT alone is no proof that a write survives: after another server was promoted, the old primary may still have a replica
 * that Sentinel has not told yet.
 */
export type PrimaryProof = {
  /** How many replicas it has, those that are away among them. What all of them have, the promoted one has. */
  replicas: () => number;
  /** Whether no other was promoted until now, by the word of a majority. */
  isSure: () => Promise<boolean>;
};
const proofs = new WeakMap<Redis, PrimaryProof>();
export const primaryProof = (redis: Redis): PrimaryProof | null => proofs.get(redis) ?? null;

function single(kind: keyof typeof kinds, { href, tls }: SinglePlace, link: PrimaryLink): Redis {
  return new Redis(href, { ...kinds[kind], ...tls, Connector: primaryConnector(null, link) });
}

function primaryOf(kind: keyof typeof kinds, url: string, place: SentinelPlace, link: PrimaryLink, logger: Logger) {
  const options: Options = kinds[kind];
  const watch = sentinelWatch(url, place, logger);
  const redis = new Redis({
    ...options,
    ...throughSentinel,
    ...(options.maxRetriesPerRequest === 0 ? {} : { maxRetriesPerRequest: null }),
    ...place.tls,
    ...(place.username === undefined ? {} : { username: place.username }),
    ...(place.password === undefined ? {} : { password: place.password }),
    Connector: primaryConnector(watch, link),
  });
  const isSure = async () => link.at !== null && watch.confirm(link.at);
  proofs.set(redis, { replicas: watch.replicas, isSure });
  return redis;
}

/** What is known to keep a connection of {@link connectRedis} from its primary, in words; null where nothing is. */
export function redisTrouble(redis: Redis): string | null {
  return links.get(redis)?.trouble ?? null;
}

/** Ready when the primary answers, and when what is `missing` there besides, in words, is nothing. */
export function redisReady(redis: Redis, missing: () => Promise<string | null> = async () => null) {
  return async (): Promise<string | null> => {
    if (redis.status !== 'ready') return redisTrouble(redis) ?? redis.status;
    return redis.ping().then(missing).catch(String);
  };
}

/** Drops connections at once: what was in flight is rejected. */
export function disconnectRedis(...connections: readonly Redis[]): void {
  for (const redis of connections) redis.disconnect();
}
