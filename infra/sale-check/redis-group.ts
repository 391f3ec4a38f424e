import { Redis, type RedisOptions } from 'ioredis';
import { addressOf, type HostAndPort, type SentinelPlace } from '#runtime/redis/place.ts';
import { fieldsOf } from '#runtime/redis/sentinel.ts';
import { type Reading, readClock } from './clocks.ts';
import { parseInfo, readSettings } from './read-redis.ts';

/** What one sentinel says of a primary. `others`: how many other sentinels it knows. */
export type SentinelWord = { at: HostAndPort } & (
  | { kind: 'names'; primary: HostAndPort; quorum: number; downAfterMs: number; others: number }
  | { kind: 'stranger' }
  | { kind: 'away'; why: string }
);

/** One server, as it says itself. `settings` is null where it does not tell them. */
export type RedisNode = { at: HostAndPort } & (
  | { kind: 'there'; info: ReadonlyMap<string, string>; settings: ReadonlyMap<string, string> | null; clock: Reading }
  | { kind: 'away'; why: string }
);

/** `hasPassword`: whether servers and sentinels ask for one, by what the URL says. */
export type RedisGroup = {
  name: string;
  hasPassword: { servers: boolean; sentinels: boolean };
  sentinels: SentinelWord[];
  nodes: RedisNode[];
};

const answerMs = 1000;

/** Asks every sentinel, and then every server that any of them knows, all at once: 1 s at most for a connection, 1 s for an answer. */
export async function readRedisGroup(place: SentinelPlace, settings: readonly string[]): Promise<RedisGroup> {
  const asked = await Promise.all(place.sentinels.map((at) => readSentinel(place, at)));
  const places = new Map(asked.flatMap(({ knows }) => knows).map((at) => [addressOf(at), at] as const));
  const nodes = await Promise.all([...places.values()].map((at) => readNode(place, at, settings)));
  const hasPassword = { servers: place.password !== undefined, sentinels: place.sentinelPassword !== undefined };
  return { name: place.name, hasPassword, sentinels: asked.map(({ word }) => word), nodes };
}

async function readSentinel(
  place: SentinelPlace,
  at: HostAndPort,
): Promise<{ word: SentinelWord; knows: HostAndPort[] }> {
  const login = { ...given('username', place.sentinelUsername), ...given('password', place.sentinelPassword) };
  try {
    return await asking({ ...at, ...place.tls, ...login }, async (redis) => {
      const master = fieldsOf(await redis.call('SENTINEL', 'MASTER', place.name));
      const replicas = await redis.call('SENTINEL', 'REPLICAS', place.name);
      const primary = placeIn(master);
      const word: SentinelWord = {
        ...{ at, kind: 'names', primary, quorum: Number(master.quorum) },
        downAfterMs: Number(master['down-after-milliseconds']),
        others: Number(master['num-other-sentinels']),
      };
      const list = Array.isArray(replicas) ? replicas.map((each) => placeIn(fieldsOf(each))) : [];
      return { word, knows: [primary, ...list] };
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const word: SentinelWord = /No such master/.test(why) ? { at, kind: 'stranger' } : { at, kind: 'away', why };
    return { word, knows: [] };
  }
}

async function readNode(place: SentinelPlace, at: HostAndPort, names: readonly string[]): Promise<RedisNode> {
  const login = { ...given('username', place.username), ...given('password', place.password) };
  try {
    return await asking({ ...at, ...place.tls, ...login }, async (redis): Promise<RedisNode> => {
      const clock = await readClock(addressOf(at), async () => {
        const [seconds, micros] = await redis.time();
        return Number(seconds) * 1000 + Number(micros) / 1000;
      });
      const [info, settings] = await Promise.all([redis.info().then(parseInfo), readSettings(redis, names)]);
      return { at, kind: 'there', info, settings, clock };
    });
  } catch (error) {
    return { at, kind: 'away', why: error instanceof Error ? error.message : String(error) };
  }
}

/** A connection for a few questions; a server that is away is not waited for. */
async function asking<T>(
  options: Pick<RedisOptions, 'host' | 'port' | 'tls' | 'username' | 'password'>,
  work: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = new Redis({
    ...options,
    replyMapping: 'legacy',
    ...{ lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 },
    ...{ connectTimeout: answerMs, commandTimeout: answerMs, enableReadyCheck: false },
  });
  let trouble: unknown = null;
  redis.on('error', (error: unknown) => {
    trouble ??= error;
  });
  try {
    await redis.connect();
    return await work(redis);
  } catch (error) {
    throw trouble ?? error; // the first says why, the driver's own says that it is closed
  } finally {
    redis.disconnect();
  }
}

const placeIn = ({ ip = '', port = '' }: Record<string, string>): HostAndPort => ({ host: ip, port: Number(port) });

const given = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: value });
