import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from '../logger.ts';
import type { HostAndPort, RedisPlace } from './place.ts';

export type SentinelPlace = Extract<RedisPlace, { kind: 'sentinel' }>;

export type SentinelWatch = {
  /** The primary, by the newest word of any sentinel so far; null until one has named it. */
  primary: () => HostAndPort | null;
  /**
   * Whether the sentinels may be about to replace the primary: enough of them take it for dead, or choose another one. It may
   * live and answer all the same; what it says now counts for nothing.
   */
  isInDoubt: () => boolean;
  /** How many replicas the primary has, those that are away among them, as far as any sentinel knows. */
  replicas: () => number;
  /**
   * Whether a majority of the sentinels, asked now, has this one as the primary and has voted for nobody to replace it. Then
   * no other was promoted before they were asked. False when too few answer within 0.3 s.
   */
  confirm: (primary: HostAndPort) => Promise<boolean>;
  /** Why no sentinel names a primary now, in words; null while one does. */
  problem: () => string | null;
  /** How often the sentinels have named another primary than before. */
  failovers: () => number;
  /** Calls when another primary is named, or the doubt begins or ends; what it returns takes the listener back. */
  onChange: (listener: () => void) => () => void;
  /** Keeps the watch going; what it returns lets go. */
  use: () => () => void;
};

/** What one sentinel says. `epoch` grows with each failover: of two that disagree, the one with the smaller is behind. */
type Word = { primary: HostAndPort; epoch: number; isInDoubt: boolean; replicas: number };
/** A vote for a leader that is to replace the primary, and when it was first heard of, `performance.now()`. */
type Vote = { epoch: number; heardAt: number };
type Sentinel = { at: string; redis: Redis; word: Word | null; vote: Vote; trouble: string };

/** A sentinel that says nothing for as long is taken for dead. */
const answerMs = 1000;
const askEveryMs = 1000;
const retryMs = 300;
const confirmMs = 300;
/** The id of no sentinel: who asks with it, and with epoch 0, is told of the last vote and changes none. */
const nobody = '0'.repeat(40);
/** Longer than the driver takes from one connection to the next. */
const lingerMs = 3000;

/** What a sentinel says when it begins to doubt the primary, and when it may have stopped. */
const doubts = ['+odown', '+try-failover'] as const;
const turns = [
  '+switch-master',
  '-odown',
  'failover-end',
  '-failover-abort-not-elected',
  '-failover-abort-no-good-slave',
  '-failover-abort-slave-timeout',
] as const;

const watches = new Map<string, SentinelWatch>();

/** One watch a place and process, whatever the number of connections; `url` is how the place was written. */
export function sentinelWatch(url: string, place: SentinelPlace, logger: Logger): SentinelWatch {
  const watch = watches.get(url) ?? createWatch(place, logger);
  watches.set(url, watch);
  return watch;
}

/** How often the sentinels of a place have named another primary, since this process follows them. */
export function redisFailovers(url: string): number {
  return watches.get(url)?.failovers() ?? 0;
}

/** How a connection to one sentinel is made; it ends by nothing but `disconnect`. */
export function sentinelOptions(place: SentinelPlace, at: HostAndPort): RedisOptions & { replyMapping: 'legacy' } {
  return {
    ...at,
    ...place.tls,
    ...(place.sentinelUsername === undefined ? {} : { username: place.sentinelUsername }),
    ...(place.sentinelPassword === undefined ? {} : { password: place.sentinelPassword }),
    replyMapping: 'legacy',
    enableReadyCheck: false,
    // What the driver subscribes by itself, it does not catch: a sentinel that hangs then would end this process.
    autoResubscribe: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: answerMs,
    commandTimeout: answerMs,
    socketTimeout: answerMs,
    disconnectTimeout: 100,
    retryStrategy: () => retryMs,
  };
}

/** A sentinel's answer to `SENTINEL MASTER` and its like, a list of names and values, as an object. */
export function fieldsOf(list: unknown): Record<string, string> {
  if (!Array.isArray(list)) return {};
  return Object.fromEntries(list.flatMap((key, i) => (i % 2 === 0 ? [[String(key), String(list[i + 1])]] : [])));
}

export const addressOf = ({ host, port }: HostAndPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/**
 * Asks every sentinel once a second, and at once when it says that something has changed, over one connection each. It
 * believes the word of the highest epoch so far: a sentinel that was cut off, or has come back, names the primary that it knew.
 * While only such sentinels answer, the newer primary is kept. A lower epoch is believed when every sentinel tells one.
 *
 * From `+odown` or `+try-failover` on, the primary is in doubt until another one is named, or a majority of the sentinels is
 * sure of it again. A primary that stood still and wakes up after another was promoted has a replica for about a second: the
 * one that is told last whom to follow. That one acknowledges what WAIT asks for, and forgets it: without this, 120 to 430
 * yeses were lost in each of 6 tries.
 *
 * It is not ioredis' failoverDetector: that one ends a client for good when the word comes while it connects.
 */
function createWatch(place: SentinelPlace, logger: Logger): SentinelWatch {
  const listeners = new Set<() => void>();
  let sentinels: Sentinel[] = [];
  let believed: HostAndPort | null = null;
  let believedEpoch = 0;
  let isInDoubt = false;
  let failovers = 0;
  let replicas = 0;
  let users = 0;
  let asking: NodeJS.Timeout | undefined;
  let closing: NodeJS.Timeout | undefined;

  function judge(): void {
    const words = sentinels.map(({ word }) => word).filter((word) => word !== null);
    const [newest] = [...words].sort((a, b) => b.epoch - a.epoch);
    // What is away is not forgotten: who knows fewer has just begun.
    replicas = Math.max(replicas, ...words.map((word) => word.replicas));
    // All of them know less than was believed: they were set up anew.
    const areAnew = words.length === place.sentinels.length;
    const isHeard = newest !== undefined && (newest.epoch >= believedEpoch || areAnew);
    const isAnother = isHeard && !isSame(newest.primary, believed);
    if (isHeard) believedEpoch = newest.epoch;
    if (isAnother) believe(newest.primary);
    const isDoubted = words.some((word) => word.isInDoubt && isSame(word.primary, believed));
    const areSure = words.filter((word) => isSame(word.primary, believed)).length > place.sentinels.length / 2;
    const before = isInDoubt;
    isInDoubt = isDoubted || (isInDoubt && !isAnother && !areSure);
    if (isInDoubt && !before && believed !== null)
      logger.warn({ name: place.name, primary: addressOf(believed) }, 'the sentinels doubt the primary of Redis');
    if (isAnother || isInDoubt !== before) for (const listener of [...listeners]) listener();
  }

  function believe(primary: HostAndPort): void {
    const before = believed;
    believed = primary;
    if (before === null) return;
    failovers += 1;
    const [from, to] = [addressOf(before), addressOf(believed)];
    logger.warn({ name: place.name, from, to }, 'the sentinels name another primary of Redis');
  }

  async function ask(sentinel: Sentinel): Promise<void> {
    const { redis } = sentinel;
    if (redis.status !== 'ready') return;
    try {
      const [address, master] = await Promise.all([
        redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', place.name),
        // An error where it knows no such name; the address says that, too.
        redis.call('SENTINEL', 'MASTER', place.name).catch(unlessUnknown),
      ]);
      const [host, port] = Array.isArray(address) ? address.map(String) : [];
      sentinel.trouble = '';
      const { flags = '', port: portBefore, 'config-epoch': epoch, 'num-slaves': known = 0, ip } = fieldsOf(master);
      // In the middle of a failover the address is the promoted one's already, and the flags are those of the one before.
      const isDoubted = /\b(o_down|failover_in_progress)\b/.test(flags) && host === ip && port === portBefore;
      sentinel.word =
        host === undefined
          ? null
          : {
              primary: { host, port: Number(port) },
              epoch: Number(epoch ?? 0),
              isInDoubt: isDoubted,
              replicas: Number(known),
            };
    } catch (error) {
      sentinel.trouble = error instanceof Error ? error.message : String(error);
      sentinel.word = null;
    }
    judge();
  }

  /**
   * Whether this sentinel has it as the primary, and no failover is on that it voted for. A vote that led to nothing stays
   * on its books: after twice the failover-timeout its leader has given up.
   */
  async function isSure(sentinel: Sentinel, { host, port }: HostAndPort): Promise<boolean> {
    const { redis } = sentinel;
    if (redis.status !== 'ready') return false;
    const [master, ballot] = await Promise.all([
      redis.call('SENTINEL', 'MASTER', place.name),
      redis.call('SENTINEL', 'IS-MASTER-DOWN-BY-ADDR', host, port, 0, nobody),
    ]);
    const { flags, ip, port: itsPort, 'config-epoch': epoch, 'failover-timeout': timeoutMs } = fieldsOf(master);
    const voted = Array.isArray(ballot) ? Number(ballot[2]) : Number.POSITIVE_INFINITY;
    if (voted !== sentinel.vote.epoch) sentinel.vote = { epoch: voted, heardAt: performance.now() };
    const isVoteOver = performance.now() - sentinel.vote.heardAt > 2 * Number(timeoutMs) + answerMs;
    return flags === 'master' && ip === host && Number(itsPort) === port && (voted <= Number(epoch) || isVoteOver);
  }

  async function confirm(primary: HostAndPort): Promise<boolean> {
    let sure = 0;
    const confirmed = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => confirmed.resolve(false), confirmMs);
    const asked = sentinels.map(async (sentinel) => {
      if (await isSure(sentinel, primary).catch(() => false)) sure += 1;
      if (sure > place.sentinels.length / 2) confirmed.resolve(true);
    });
    void Promise.all(asked).then(() => confirmed.resolve(false)); // after the last one, when they were too few
    const isConfirmed = await confirmed.promise;
    clearTimeout(timer);
    return isConfirmed && !isInDoubt && isSame(primary, believed);
  }

  function open(at: HostAndPort): Sentinel {
    const redis = new Redis(sentinelOptions(place, at));
    const sentinel: Sentinel = {
      at: addressOf(at),
      redis,
      word: null,
      vote: { epoch: 0, heardAt: 0 },
      trouble: 'not connected yet',
    };
    // Neither keeps a process alive: a command is over before a sentinel that is away is back.
    redis.on('connect', () => Reflect.get(redis, 'stream')?.unref?.());
    redis.on('reconnecting', () => Reflect.get(redis, 'reconnectTimeout')?.unref?.());
    redis.on('ready', () => {
      redis.subscribe(...doubts, ...turns).catch(() => undefined); // it is asked every second all the same
      void ask(sentinel); // tells of itself
    });
    redis.on('message', (channel: string, text: string) => {
      // At once: a round trip later the primary may have said yes.
      if (sentinel.word !== null && doubts.some((it) => it === channel) && text.startsWith(`master ${place.name} `)) {
        sentinel.word = { ...sentinel.word, isInDoubt: true };
        judge();
      }
      void ask(sentinel); // as above
    });
    redis.on('error', (error: Error) => {
      sentinel.trouble = error.message;
    });
    redis.on('close', () => {
      sentinel.word = null;
      sentinel.trouble ||= 'connection lost';
    });
    return sentinel;
  }

  function start(): void {
    sentinels = place.sentinels.map(open);
    asking = setInterval(() => {
      for (const sentinel of sentinels) void ask(sentinel); // tells of itself
    }, askEveryMs);
    asking.unref();
  }

  function close(): void {
    clearInterval(asking);
    for (const { redis } of sentinels) redis.disconnect();
    sentinels = [];
    believed = null;
    believedEpoch = 0;
    isInDoubt = false;
  }

  function problem(): string | null {
    if (isInDoubt && believed !== null)
      return `the sentinels doubt ${addressOf(believed)}, and name no other primary yet`;
    if (sentinels.some(({ word }) => word !== null)) return null;
    const strangers = sentinels.filter(({ trouble }) => trouble === '');
    if (strangers.length > 0) {
      return `the sentinels know no primary named ${place.name} (${strangers.map(({ at }) => at).join(', ')})`;
    }
    const each = sentinels.map(({ at, trouble }) => `${at}: ${trouble}`);
    return `no sentinel answers (${each.join('; ')})`;
  }

  return {
    primary: () => believed,
    isInDoubt: () => isInDoubt,
    replicas: () => replicas,
    confirm,
    problem,
    failovers: () => failovers,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    use: () => {
      users += 1;
      clearTimeout(closing);
      if (sentinels.length === 0) start();
      let isUsing = true;
      return () => {
        if (!isUsing) return;
        isUsing = false;
        users -= 1;
        if (users > 0) return;
        closing = setTimeout(close, lingerMs);
        closing.unref();
      };
    },
  };
}

const isSame = (one: HostAndPort, other: HostAndPort | null) => other !== null && addressOf(one) === addressOf(other);

function unlessUnknown(error: unknown): null {
  if (error instanceof Error && error.message.includes('No such master')) return null;
  throw error;
}
