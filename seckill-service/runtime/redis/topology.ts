import { Redis, type RedisOptions } from 'ioredis';
import { addressOf, type HostAndPort, redisPlaceOf, type SentinelPlace } from './place.ts';
import { fieldsOf, sentinelOptions } from './sentinel.ts';

/** What a server says of itself; every field but `address` is null where it did not answer, or may not be asked. */
export type RedisServerState = {
  /** `host:port`, as the sentinels or the primary name it. */
  address: string;
  /** As it says: a primary is a `master`, a replica a `slave`. */
  role: string | null;
  runId: string | null;
  appendonly: boolean | null;
  appendfsync: string | null;
  /** Bytes of its replication stream so far. */
  replicationOffset: number | null;
  /** Why it did not answer; null where it did. */
  trouble: string | null;
};

export type RedisReplicaState = RedisServerState & {
  /** The primary sends to it and hears from it. */
  online: boolean;
  /** How far it is behind, by what the primary last heard from it; null where the primary does not know it. */
  lagBytes: number | null;
  /** Since the primary last heard from it. */
  lagSeconds: number | null;
};

export type SentinelState = {
  /** `host:port`, as the URL has it. */
  address: string;
  answers: boolean;
  /** The primary that it names; null where it knows none of that name, or did not answer. */
  sees: string | null;
  /** It grows with each failover: a sentinel that has a smaller one than another is behind. */
  epoch: number | null;
  /** How many sentinels must agree that the primary is dead. */
  quorum: number | null;
  /** How many other sentinels it knows. */
  others: number | null;
  trouble: string | null;
};

/** `address` is that of the server or sentinel that it is about. */
export type RedisProblem =
  /** No sentinel named a primary: nothing else could be asked. */
  | { kind: 'no-primary' }
  | { kind: 'sentinel-silent' | 'name-unknown' | 'sentinel-behind'; address: string }
  /** `primary-is-replica`: the one that is taken for the primary says that it follows another. */
  | { kind: 'primary-silent' | 'primary-is-replica' | 'replica-silent' | 'replica-offline'; address: string };

export type RedisTopology = {
  kind: 'single' | 'sentinel';
  /** What the sentinels know the primary by; null for a single server. */
  name: string | null;
  primary: RedisServerState | null;
  replicas: RedisReplicaState[];
  /** In the order of the URL; none for a single server. */
  sentinels: SentinelState[];
  problems: RedisProblem[];
};

/** How long each is waited for. Sentinels, primary and replicas are asked after each other: 3 s at most. */
const answerMs = 1000;

/**
 * Who is primary at `url`, who follows it and how far behind, and what each sentinel sees. It opens connections of its own,
 * and closes them. Parts that do not answer are told as such, and in `problems`. Throws ConfigError for a URL of no use.
 */
export async function readRedisTopology(url: string): Promise<RedisTopology> {
  const place = redisPlaceOf(url);
  if (place.kind === 'single') {
    const options = { ...place.tls };
    const asked = new URL(place.href);
    const at = { host: asked.hostname.replace(/^\[|\]$/g, ''), port: Number(asked.port || 6379) };
    const login = {
      ...(asked.username === '' ? {} : { username: decodeURIComponent(asked.username) }),
      ...(asked.password === '' ? {} : { password: decodeURIComponent(asked.password) }),
      ...(asked.protocol === 'rediss:' && options.tls === undefined ? { tls: {} } : {}),
    };
    const servers = await readServers(at, [], { ...options, ...login });
    return { kind: 'single', name: null, ...servers, sentinels: [], problems: problemsOf(servers, []) };
  }
  const asked = await Promise.all(place.sentinels.map((at) => askSentinel(place, at)));
  const sentinels = asked.map(({ state }) => state);
  const newest = asked
    .filter(({ primary }) => primary !== null)
    .sort((a, b) => (b.state.epoch ?? 0) - (a.state.epoch ?? 0))[0];
  const options = {
    ...place.tls,
    ...(place.username === undefined ? {} : { username: place.username }),
    ...(place.password === undefined ? {} : { password: place.password }),
  };
  const servers = newest?.primary
    ? await readServers(newest.primary, newest.replicas, options)
    : { primary: null, replicas: [] };
  return { kind: 'sentinel', name: place.name, ...servers, sentinels, problems: problemsOf(servers, sentinels) };
}

type Servers = Pick<RedisTopology, 'primary' | 'replicas'>;

/** The primary, and the replicas that it or a sentinel knows. */
async function readServers(at: HostAndPort, known: readonly HostAndPort[], options: RedisOptions): Promise<Servers> {
  const { state: primary, info } = await askServer(at, options);
  const followed = Object.entries(info)
    .filter(([name]) => /^slave\d+$/.test(name))
    .map(([, text]) => Object.fromEntries(text.split(',').map((pair) => pair.split('=', 2))));
  const heard = new Map(followed.map((it) => [addressOf({ host: it.ip, port: Number(it.port) }), it]));
  const places = new Map(known.map((it) => [addressOf(it), it]));
  for (const it of heard.values())
    places.set(addressOf({ host: it.ip, port: Number(it.port) }), { host: it.ip, port: Number(it.port) });
  places.delete(addressOf(at));
  const replicas = await Promise.all(
    [...places].map(async ([address, place]): Promise<RedisReplicaState> => {
      const { state } = await askServer(place, options);
      const line = heard.get(address);
      return {
        ...state,
        online: line?.state === 'online',
        lagBytes: line === undefined ? null : Math.max(0, (primary.replicationOffset ?? 0) - Number(line.offset)),
        lagSeconds: line === undefined ? null : Number(line.lag),
      };
    }),
  );
  return { primary, replicas: replicas.sort((a, b) => (a.address < b.address ? -1 : 1)) };
}

async function askServer(at: HostAndPort, options: RedisOptions) {
  const state: RedisServerState = {
    ...{ address: addressOf(at), role: null, runId: null, appendonly: null, appendfsync: null },
    ...{ replicationOffset: null, trouble: null },
  };
  const info: Record<string, string> = {};
  await ask({ ...at, ...options }, state, async (redis) => {
    const text = await redis.info();
    for (const line of text.split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) info[line.slice(0, colon)] = line.slice(colon + 1);
    }
    state.role = info.role ?? null;
    state.runId = info.run_id ?? null;
    state.appendonly = info.aof_enabled === '1';
    state.replicationOffset = Number(info.role === 'master' ? info.master_repl_offset : info.slave_repl_offset);
    const config = await redis.call('CONFIG', 'GET', 'appendfsync').catch(() => null); // a right that it may not have
    state.appendfsync = fieldsOf(config).appendfsync ?? null;
  });
  return { state, info };
}

async function askSentinel(place: SentinelPlace, at: HostAndPort) {
  const state: SentinelState = {
    ...{ address: addressOf(at), answers: false, sees: null, epoch: null, quorum: null, others: null, trouble: null },
  };
  let primary: HostAndPort | null = null;
  let replicas: HostAndPort[] = [];
  await ask(sentinelOptions(place, at), state, async (redis) => {
    const address = await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', place.name);
    state.answers = true;
    if (!Array.isArray(address)) return;
    primary = { host: String(address[0]), port: Number(address[1]) };
    state.sees = addressOf(primary);
    const [master, followers] = await Promise.all([
      redis.call('SENTINEL', 'MASTER', place.name),
      redis.call('SENTINEL', 'REPLICAS', place.name),
    ]);
    const fields = fieldsOf(master);
    state.epoch = Number(fields['config-epoch']);
    state.quorum = Number(fields.quorum);
    state.others = Number(fields['num-other-sentinels']);
    replicas = (Array.isArray(followers) ? followers.map(fieldsOf) : []).map((it) => ({
      host: it.ip ?? '',
      port: Number(it.port),
    }));
  });
  return { state, primary: primary as HostAndPort | null, replicas }; // set in a callback, which the compiler does not follow
}

/** Connects, asks and disconnects within the deadline; what went wrong is in `state.trouble`. */
async function ask(
  options: RedisOptions,
  state: { trouble: string | null },
  question: (redis: Redis) => Promise<void>,
): Promise<void> {
  const redis = new Redis({
    ...options,
    ...{ replyMapping: 'legacy', lazyConnect: true, enableOfflineQueue: true, enableReadyCheck: false },
    ...{ connectTimeout: answerMs, commandTimeout: answerMs, retryStrategy: () => null, maxRetriesPerRequest: 0 },
  });
  let trouble: string | null = null;
  redis.on('error', (error) => {
    trouble ??= error.message;
  });
  const deadline = Promise.withResolvers<never>();
  const timer = setTimeout(() => deadline.reject(new Error(`no answer in ${answerMs} ms`)), answerMs);
  try {
    await Promise.race([redis.connect().then(() => question(redis)), deadline.promise]);
  } catch (error) {
    state.trouble = trouble ?? (error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
    redis.disconnect();
  }
}

function problemsOf({ primary, replicas }: Servers, sentinels: readonly SentinelState[]): RedisProblem[] {
  const newest = Math.max(...sentinels.map(({ epoch }) => epoch ?? 0));
  return [
    ...sentinels.flatMap(({ address, answers, sees, epoch }): RedisProblem[] => {
      if (!answers) return [{ kind: 'sentinel-silent', address }];
      if (sees === null) return [{ kind: 'name-unknown', address }];
      return (epoch ?? 0) < newest ? [{ kind: 'sentinel-behind', address }] : [];
    }),
    ...(primary === null ? [{ kind: 'no-primary' } as const] : []),
    ...(primary?.trouble ? [{ kind: 'primary-silent', address: primary.address } as const] : []),
    ...(primary?.role === 'slave' ? [{ kind: 'primary-is-replica', address: primary.address } as const] : []),
    ...replicas.flatMap(({ address, trouble, online }): RedisProblem[] => [
      ...(trouble === null ? [] : [{ kind: 'replica-silent' as const, address }]),
      ...(online ? [] : [{ kind: 'replica-offline' as const, address }]),
    ]),
  ];
}
