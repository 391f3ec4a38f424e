import { z } from 'zod';

// Where servers are, and where processes listen, as settings say it.

const maxPort = 65_535;
/** False where `host:port` has a port that there cannot be; what is no number is told of by the pattern. */
const mayBePort = (place: string) => !(Number(place.slice(place.lastIndexOf(':') + 1)) > maxPort);

/** `host:port`, `:port` is refused on purpose (it would listen on every interface), or `unix:/path`. */
export const listenAddress = z
  .string()
  .regex(/^(unix:\/.+|[A-Za-z0-9.:[\]-]+:\d{1,5})$/, 'must be host:port or unix:/absolute/path')
  .refine((place) => place.startsWith('unix:') || mayBePort(place), `must have a port of at most ${maxPort}`);

export const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' });

export const httpUrls = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(z.url({ protocol: /^https?$/, error: 'must be http(s) URLs, one for each: url[,url]' })));

/**
 * `redis://[user][:password]@host[:port]`, or `rediss://` for TLS. Its `sslrootcert` is a file of authorities to trust in the
 * place of the well-known ones: the word that PostgreSQL's URL has for it. Read by runtime/redis/connect.ts.
 */
const redisUrl = z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }).refine((text) => {
  if (!URL.canParse(text)) return true; // which is told above
  const { protocol, searchParams } = new URL(text);
  const file = searchParams.get('sslrootcert');
  return file === null || (protocol === 'rediss:' && file.startsWith('/'));
}, 'must be rediss:// where it has an sslrootcert, which is an absolute path');

/** User and password, hosts, the name after the slash. What it says is read by runtime/redis/place.ts, and judged there. */
const sentinelUrl = /^rediss?\+sentinel:\/\/([^@/?#]*@)?[^@/?#\s]+\/[\w.-]+(\?[^#\s]*)?$/;

/** {@link redisUrl}, or `redis+sentinel://[user:password@]host[:port],host[:port],host[:port]/<name of the primary>`, which asks Sentinel. */
export const redisPlace = z.string().superRefine((text, context) => {
  if (isSentinelUrl(text)) {
    if (sentinelUrl.test(text)) return;
    const form = 'redis+sentinel://host:port,host:port,host:port/name, the name that the sentinels know the primary by';
    context.addIssue({ code: 'custom', message: `must be ${form}` });
    return;
  }
  for (const { message } of redisUrl.safeParse(text).error?.issues ?? []) {
    const alternative = message === 'must be a redis:// URL' ? ', or a redis+sentinel:// one' : '';
    context.addIssue({ code: 'custom', message: `${message}${alternative}` });
  }
});

export function isSentinelUrl(text: string): boolean {
  return /^rediss?\+sentinel:/.test(text);
}

/**
 * `postgres://[user[:password]@]host[:port][,host[:port]]/database`, IPv6 in brackets. What it says is read by
 * runtime/postgres/place.ts, and judged there.
 */
export const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\/([^@/?#]*@)?[^@/?#\s]*(\/[^?#\s]*)?(\?[^#\s]*)?$/, 'must be a postgres:// URL')
  .refine((text) => text.includes(',') || URL.canParse(text), 'must be a postgres:// URL')
  .refine(
    (text) => !/[?&]target_session_attrs=/.test(text),
    'must not have target_session_attrs, which the driver ignores: of several hosts the primary is found by asking each',
  );

/** `host:port[,host:port]`, the servers of the ensemble. */
export const zookeeperPlaces = z
  .string()
  .regex(/^[^\s/]+:\d+(,[^\s/]+:\d+)*$/, 'must be host:port[,host:port]')
  .refine((text) => text.split(',').every(mayBePort), `must have ports of at most ${maxPort}`);

/** `user:password[,user:password]`. */
export const zookeeperAuth = z
  .string()
  .regex(
    /^[^\s:,]+:[^\s,]{16,}(,[^\s:,]+:[^\s,]{16,})*$/,
    'must be user:password, the password at least 16 characters without spaces and commas; several separated by commas',
  )
  .transform((text) => text.split(','));

/** `host:port[,host:port]`; IPv6 addresses stand in brackets. */
export const hostsAndPorts = z
  .string()
  .transform((text) => text.split(','))
  .refine(
    (places) => places.every((place) => URL.canParse(`tcp://${place}`) && new URL(`tcp://${place}`).port !== ''),
    `must be host:port[,host:port], a port of at most ${maxPort}, IPv6 addresses in brackets`,
  );

const kafkaForm = /^kafka(\+ssl)?:\/\/(?<login>[^@/?#\s]*@)?(?<hosts>[^@/?#\s]+)\/?(\?(?<query>[^#\s]*))?$/;
const kafkaMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type KafkaPlace = {
  /** `host:port` each: the brokers that are asked first. */
  brokers: string[];
  tls: boolean;
  sasl: { mechanism: (typeof kafkaMechanisms)[number]; username: string; password: string } | null;
};

/**
 * `kafka://[user:password@]host:port[,host:port]`, or `kafka+ssl://` for TLS. With a user, `?mechanism=` says how it signs in:
 * PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, which is taken where it is left out.
 */
export const kafkaPlace = z.string().transform((text, context): KafkaPlace => {
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  const { login, hosts = '', query = '' } = kafkaForm.exec(text)?.groups ?? {};
  if (hosts === '') return refuse('must be kafka://[user:password@]host:port[,host:port], or kafka+ssl:// for TLS');
  const brokers = hostsAndPorts.safeParse(hosts);
  if (!brokers.success) return refuse(brokers.error.issues[0]?.message ?? 'must be host:port[,host:port]');
  const parameters = new URLSearchParams(query);
  const unknown = [...parameters.keys()].find((name) => name !== 'mechanism');
  if (unknown !== undefined) return refuse(`must not have ${unknown}: the only parameter is mechanism`);
  const mechanism = kafkaMechanisms.find((name) => name === (parameters.get('mechanism') ?? 'SCRAM-SHA-512'));
  if (mechanism === undefined) return refuse(`must have a mechanism of ${kafkaMechanisms.join(', ')}`);
  const tls = text.startsWith('kafka+ssl:');
  if (login === undefined) {
    if (parameters.has('mechanism')) return refuse('must have user:password where it has a mechanism');
    return { brokers: brokers.data, tls, sasl: null };
  }
  const [, user, password] = /^([^:]+):(.+)@$/.exec(login) ?? [];
  if (user === undefined || password === undefined) return refuse('must have user:password before the @');
  try {
    const [username, secret] = [decodeURIComponent(user), decodeURIComponent(password)];
    return { brokers: brokers.data, tls, sasl: { mechanism, username, password: secret } };
  } catch {
    return refuse('has a % in its user or password that stands for nothing (write %25)');
  }
});
