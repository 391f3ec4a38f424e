import type { RedisOptions } from 'ioredis';
import { ConfigError } from '../config.ts';
import { readSslRootCert } from '../ssl-root-cert.ts';

export type HostAndPort = { host: string; port: number };
type Tls = Pick<RedisOptions, 'tls'>;

/** Where a Redis is: at an address of its own, or where the sentinels say that the primary of that name is. */
export type RedisPlace =
  | {
      kind: 'single';
      /** As the driver takes it, with user and password. */
      href: string;
      tls: Tls;
    }
  | {
      kind: 'sentinel';
      /** What the sentinels know the primary by. */
      name: string;
      sentinels: readonly HostAndPort[];
      /** Of the Redis servers. */
      username?: string;
      password?: string;
      sentinelUsername?: string;
      sentinelPassword?: string;
      /** Empty without TLS; it holds for servers and sentinels. */
      tls: Tls;
    };

export type SentinelPlace = Extract<RedisPlace, { kind: 'sentinel' }>;

/** `host:port`, an IPv6 address in brackets. */
export const addressOf = ({ host, port }: HostAndPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

const sentinelPort = 26_379;
const form =
  /^(?<scheme>rediss?)\+sentinel:\/\/(?:(?<user>[^@/?#:]*)(?::(?<password>[^@/?#]*))?@)?(?<hosts>[^@/?#\s]+)\/(?<name>[\w.-]+)(?:\?(?<query>[^#\s]*))?$/;

/**
 * Reads a URL: `redis://[user:password@]host[:port]`, or `redis+sentinel://[user:password@]host[:port],…/<name>`, where the
 * hosts are the sentinels (port 26379 when left out), user and password those of the servers, `sentinelUser` and
 * `sentinelPassword` in the query those of the sentinels. `rediss` is TLS, against the authorities of `sslrootcert` where it is given.
 * Throws {@link ConfigError}; no problem repeats a password.
 */
export function redisPlaceOf(url: string): RedisPlace {
  return /^rediss?\+sentinel:/.test(url) ? sentinelPlace(url) : singlePlace(url);
}

function singlePlace(url: string): RedisPlace {
  const ca = readSslRootCert(url);
  if (ca === null) return { kind: 'single', href: url, tls: {} };
  const parsed = new URL(url);
  parsed.searchParams.delete('sslrootcert');
  return { kind: 'single', href: parsed.href, tls: { tls: { ca } } };
}

function sentinelPlace(url: string): RedisPlace {
  const { scheme, user, password, hosts = '', name, query } = form.exec(url)?.groups ?? {};
  if (name === undefined) {
    throw new ConfigError([
      'a Sentinel URL must be redis+sentinel://[user:password@]host:port,host:port,host:port/name',
    ]);
  }
  const shown = `${scheme}+sentinel://${hosts}/${name}`;
  const sentinels = hosts.split(',').map((host) => hostAndPort(host, shown));
  if (sentinels.length < 2) {
    const why = 'when it is away, nothing knows the primary; name all of them, one beside each Redis';
    throw new ConfigError([`${shown} names one sentinel only: ${why}`]);
  }
  const parameters = new URLSearchParams(query);
  const unknown = [...parameters.keys()].filter((key) => !known.has(key));
  if (unknown.length > 0) throw new ConfigError([`${shown} must have no ${unknown.join(', ')} after its ?`]);
  const file = parameters.get('sslrootcert');
  if (file !== null && scheme !== 'rediss') {
    throw new ConfigError([`${shown} must be rediss+sentinel:// where it has an sslrootcert`]);
  }
  // Its reader takes one host, and says which URL the file is of.
  const ca =
    file === null
      ? null
      : readSslRootCert(`${scheme}://${hosts.split(',')[0]}?sslrootcert=${encodeURIComponent(file)}`);
  return {
    kind: 'sentinel',
    name,
    sentinels,
    ...given('username', decode(user, shown)),
    ...given('password', decode(password, shown)),
    ...given('sentinelUsername', parameters.get('sentinelUser')),
    ...given('sentinelPassword', parameters.get('sentinelPassword')),
    tls: scheme === 'rediss' ? { tls: ca === null ? {} : { ca } } : {},
  };
}

const known: ReadonlySet<string> = new Set(['sslrootcert', 'sentinelUser', 'sentinelPassword']);

function hostAndPort(text: string, shown: string): HostAndPort {
  const place = URL.canParse(`tcp://${text}`) ? new URL(`tcp://${text}`) : null;
  if (place === null || place.hostname === '') {
    throw new ConfigError([`${shown}: ${text || 'an empty place'} is no host:port, IPv6 addresses stand in brackets`]);
  }
  return { host: place.hostname.replace(/^\[|\]$/g, ''), port: place.port === '' ? sentinelPort : Number(place.port) };
}

function decode(text: string | undefined, shown: string): string | null {
  if (text === undefined || text === '') return null;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError([`${shown}: its user or password has a % that stands for nothing (write %25)`]);
  }
}

/** `{ [name]: value }`, empty without a value: an option that is undefined is not one that was left out. */
function given<N extends string>(name: N, value: string | null): { [K in N]?: string } {
  return value === null ? {} : ({ [name]: value } as { [K in N]?: string }); // a computed key has no literal type
}
