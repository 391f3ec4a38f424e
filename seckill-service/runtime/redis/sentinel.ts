import { Redis, type RedisOptions } from 'ioredis';
import { addressOf, type HostAndPort, type SentinelPlace } from './place.ts';

/** What one sentinel says. `epoch` grows with each failover: of two that disagree, the one with the smaller is behind. */
type Word = {
  primary: HostAndPort;
  epoch: number;
  /** It may be about to replace the primary. */
  isInDoubt: boolean;
  /** How many replicas it knows, those that are away among them. */
  replicas: number;
};

/** One sentinel, over a connection of its own that keeps no process alive. */
export type Sentinel = {
  /** `host:port`. */
  at: string;
  /** Null while it does not answer, or knows no primary of that name. */
  word: () => Word | null;
  /** Why it does not answer; empty where it does. */
  trouble: () => string;
  /** Asks for its word; never rejects. */
  ask: () => Promise<void>;
  /**
   * Whether it has this one as the primary, asked now, and no failover is on that it voted for. A vote that led to nothing
   * stays on its books: after twice the failover-timeout its leader has given up. False where it does not answer.
   */
  isSure: (primary: HostAndPort) => Promise<boolean>;
  close: () => void;
};

/** A sentinel that says nothing for as long is taken for dead. */
const answerMs = 1000;
const retryMs = 300;
/** The id of no sentinel: who asks with it, and with epoch 0, is told of the last vote and changes none. */
const noCandidate = '0'.repeat(40);

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

/** `onWord`: it has said something, or that its word of before is in doubt. */
export function openSentinel(place: SentinelPlace, at: HostAndPort, onWord: () => void): Sentinel {
  const redis = new Redis(sentinelOptions(place, at));
  let word: Word | null = null;
  let trouble = 'not connected yet';
  /** Its last vote for a leader that is to replace the primary, and when it was first heard of, `performance.now()`. */
  let vote = { epoch: 0, heardAt: 0 };

  async function ask(): Promise<void> {
    if (redis.status !== 'ready') return;
    try {
      word = await askWord(redis, place.name);
      trouble = '';
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
      word = null;
    }
    onWord();
  }

  async function isSure({ host, port }: HostAndPort): Promise<boolean> {
    if (redis.status !== 'ready') return false;
    // The vote first: a sentinel that has another primary by then tells no vote for this one, and says so after that.
    const [ballot, master] = await Promise.all([
      redis.call('SENTINEL', 'IS-MASTER-DOWN-BY-ADDR', host, port, 0, noCandidate),
      redis.call('SENTINEL', 'MASTER', place.name),
    ]);
    const { flags, ip, port: itsPort, 'config-epoch': epoch, 'failover-timeout': timeoutMs } = fieldsOf(master);
    const voted = Array.isArray(ballot) ? Number(ballot[2]) : Number.POSITIVE_INFINITY;
    if (voted !== vote.epoch) vote = { epoch: voted, heardAt: performance.now() };
    const isVoteOver = performance.now() - vote.heardAt > 2 * Number(timeoutMs) + answerMs;
    return flags === 'master' && ip === host && Number(itsPort) === port && (voted <= Number(epoch) || isVoteOver);
  }

  // Neither keeps a process alive: a command is over before a sentinel that is away is back.
  redis.on('connect', () => Reflect.get(redis, 'stream')?.unref?.());
  redis.on('reconnecting', () => Reflect.get(redis, 'reconnectTimeout')?.unref?.());
  redis.on('ready', () => {
    redis.subscribe(...doubts, ...turns).catch(() => undefined); // it is asked every second all the same
    void ask(); // does not throw
  });
  redis.on('message', (channel: string, text: string) => {
    // At once: a round trip later the primary may have said yes.
    if (word !== null && doubts.some((it) => it === channel) && text.startsWith(`master ${place.name} `)) {
      word = { ...word, isInDoubt: true };
      onWord();
    }
    void ask(); // as above
  });
  redis.on('error', (error: Error) => {
    trouble = error.message;
  });
  redis.on('close', () => {
    word = null;
    trouble ||= 'connection lost';
  });

  return {
    at: addressOf(at),
    word: () => word,
    trouble: () => trouble,
    ask,
    isSure: (primary) => isSure(primary).catch(() => false),
    close: () => redis.disconnect(),
  };
}

async function askWord(redis: Redis, name: string): Promise<Word | null> {
  const [address, master] = await Promise.all([
    redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name),
    // An error where it knows no such name; the address says that, too.
    redis.call('SENTINEL', 'MASTER', name).catch(unlessUnknown),
  ]);
  const [host, port] = Array.isArray(address) ? address.map(String) : [];
  if (host === undefined) return null;
  const { flags = '', port: portBefore, 'config-epoch': epoch = 0, 'num-slaves': replicas = 0, ip } = fieldsOf(master);
  // In the middle of a failover the address is the promoted one's already, and the flags are those of the one before.
  const isInDoubt = /\b(o_down|failover_in_progress)\b/.test(flags) && host === ip && port === portBefore;
  return { primary: { host, port: Number(port) }, epoch: Number(epoch), isInDoubt, replicas: Number(replicas) };
}

function unlessUnknown(error: unknown): null {
  if (error instanceof Error && error.message.includes('No such master')) return null;
  throw error;
}
