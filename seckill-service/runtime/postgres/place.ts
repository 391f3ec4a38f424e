import { ConfigError } from '../config.ts';
import { readSslRootCert } from '../ssl-root-cert.ts';

/** One PostgreSQL server of a URL. `name` is `host:port`, for words; `url` is the given one with this host alone. */
export type PostgresHost = { name: string; url: string };
/** Where a database is: one server, or several of which one is the primary. */
export type PostgresPlace = { hosts: readonly PostgresHost[] };

const defaultPort = 5432;
const form =
  /^(?<scheme>postgres(?:ql)?):\/\/(?<login>[^/?#]*@)?(?<hosts>[^@/?#\s]*)(?<database>\/[^?#\s]*)?(?:\?(?<query>[^#\s]*))?$/;

/** Parameters that the driver ignores, or that would speak for all hosts at once. */
const refused = {
  target_session_attrs: 'which the driver ignores: of several hosts the primary is found by asking each',
  load_balance_hosts: 'which the driver ignores: the hosts are asked in their order, the last primary first',
  hostaddr: 'which the driver ignores: name the address as the host',
};
const refusedWithSeveral = {
  host: 'beside several hosts: the driver would go to this one alone',
  port: 'beside several hosts: each has its own, as in h1:5432,h2:5433',
};

/**
 * Reads `postgres://[user[:password]@]host[:port][,host[:port]]/database[?parameters]`: the form of libpq, which the driver
 * does not know. A port that is left out is 5432; IPv6 addresses stand in brackets; user, password and database may be
 * percent-encoded. With one host the URL stays as it is. Throws {@link ConfigError}, also when the file of `sslrootcert` cannot be
 * read; no problem repeats the user or the password.
 */
export function postgresPlaceOf(url: string): PostgresPlace {
  const { scheme, login = '', hosts = '', database = '', query = '' } = form.exec(url)?.groups ?? {};
  if (scheme === undefined) {
    throw new ConfigError(['a PostgreSQL URL must be postgres://[user:password@]host[:port][,host[:port]]/database']);
  }
  const shown = `${scheme}://${hosts}${database}`;
  const names = hosts.split(',');
  const parameters = new URLSearchParams(query);
  for (const [name, why] of Object.entries({ ...refused, ...(names.length > 1 ? refusedWithSeveral : {}) })) {
    if (parameters.has(name)) throw new ConfigError([`${shown} must not have ${name}, ${why}`]);
  }
  if (login !== '' && !isEncodedWell(login)) {
    throw new ConfigError([`${shown}: its user or password has a % that stands for nothing (write %25)`]);
  }
  const of = (host: string) => `${scheme}://${login}${host}${database}${query === '' ? '' : `?${query}`}`;
  const places = names.map((host) => ({ name: nameOf(host, shown, parameters), url: of(host) }));
  const twice = places.find(({ name }, index) => places.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new ConfigError([`${shown} names ${twice.name} twice: keep one of them`]);
  const [first] = places;
  if (first !== undefined) readSslRootCert(first.url); // one file for all
  return { hosts: places };
}

function nameOf(host: string, shown: string, parameters: URLSearchParams): string {
  if (host === '') {
    // One host may stand in the parameters, as a socket's directory does.
    const elsewhere = parameters.get('host');
    if (elsewhere !== null) return `${elsewhere}:${parameters.get('port') ?? defaultPort}`;
    if (!shown.includes(',')) return `localhost:${defaultPort}`; // the driver's own
  }
  const place = host !== '' && URL.canParse(`tcp://${host}`) ? new URL(`tcp://${host}`) : null;
  if (place === null || place.port === '0') {
    const words = host === '' ? 'an empty place' : host;
    throw new ConfigError([
      `${shown}: ${words} is no host:port; a port is 1 to 65535, IPv6 addresses stand in brackets`,
    ]);
  }
  return `${place.hostname}:${place.port === '' ? defaultPort : place.port}`;
}

function isEncodedWell(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
