import { type Client, type ClientConfig, type Pool, type PoolClient, types } from 'pg';
import { createThrottledWarn, type Logger } from '../logger.ts';
import { isStandby } from './ask-host.ts';
import { HostClient } from './host-client.ts';
import { postgresPlaceOf } from './place.ts';
import { primaryPool, singlePool, spoilsClient } from './primary-pool.ts';
import { NoPrimary, PrimarySearch } from './primary-search.ts';

export type { Pool, PoolClient };

// int8 (oid 20) arrives as text; ours are sums of money and counts, far below 2^53, checked by the parse.
types.setTypeParser(20, (text) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`int8 out of range: ${text}`);
  return value;
});

/** A transaction rests while its process asks Redis, 5 s at most: whoever rests longer is frozen or gone, its locks are not. */
const restsAtMostMs = 20_000;

/**
 * A pool with deadlines on connecting and on each statement; a statement that missed its own takes its link along.
 * `mayLoseLast`: a commit does not wait for the disk (synchronous_commit off). A crash of the server may take the last
 * transactions away, each whole and none before an older one: for work that is simply done again then. So may a failover.
 * With several hosts in the URL its clients are on the primary. Throws ConfigError when the URL cannot be used (place.ts).
 */
export function connectPostgres(
  url: string,
  logger: Logger,
  options: { max?: number; statementTimeoutMs?: number /** See below. */; mayLoseLast?: boolean } = {},
): Pool {
  const { statementTimeoutMs = 4000 } = options;
  const place = postgresPlaceOf(url);
  const config = {
    max: options.max ?? 10,
    connectionTimeoutMillis: 3000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 1000, // the server's own deadline first; this one when the link is dead
    idle_in_transaction_session_timeout: restsAtMostMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    ...(options.mayLoseLast === true ? { options: '-c synchronous_commit=off' } : {}),
  };
  const pool = place.hosts.length > 1 ? primaryPool(place, config) : singlePool(place, config);
  const warn = createThrottledWarn(logger);
  pool.on('error', (error) => warn(error, 'postgres connection'));
  // The pool listens to idle connections only. One that breaks while it is out, between two statements of a transaction,
  // would end the process by an unhandled 'error'; its next statement rejects, and that is where it belongs.
  pool.on('connect', (client) => client.on('error', (error) => warn(error, 'postgres connection')));
  return pool;
}

/**
 * One client, connected to the primary of the URL's hosts; its owner ends it. It listens to 'error' already: what breaks rejects the
 * statement under way. Throws ConfigError when the URL cannot be used, {@link NoPrimary} where there is none.
 */
export async function connectClient(url: string, config: Omit<ClientConfig, 'connectionString'> = {}): Promise<Client> {
  const search = new PrimarySearch(postgresPlaceOf(url));
  if (search.hasSeveral) await search.search(config.connectionTimeoutMillis ?? 3000);
  const client = new HostClient({ ...config, connectionString: search.current.url });
  client.on('error', () => undefined);
  await client.connect();
  if (!(await isStandby(client))) return client;
  await client.end();
  throw new NoPrimary([{ host: search.current, role: { kind: 'standby' } }]);
}

/**
 * The URL of the primary alone, of those hosts: for a connection that the driver's pool cannot make, as replication is. One host is not
 * asked. Throws ConfigError when the URL cannot be used, {@link NoPrimary} where there is none.
 */
export async function findPrimaryUrl(url: string, withinMs: number): Promise<string> {
  const search = new PrimarySearch(postgresPlaceOf(url));
  if (search.hasSeveral) await search.search(withinMs);
  return search.current.url;
}

/** Runs `work` in one transaction; rolls back when it throws. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    // A COMMIT that a standby is waited for with has no answer, and a ROLLBACK would wait behind it.
    if (spoilsClient(error)) client.release(error);
    else {
      // A client whose ROLLBACK fails is broken: it is destroyed, not given back.
      const broken = await client.query('ROLLBACK').then(
        () => false,
        () => true,
      );
      client.release(broken);
    }
    throw error;
  }
}

export function postgresReady(pool: Pool): () => Promise<string | null> {
  return () =>
    pool.query('SELECT 1').then(
      () => null,
      (error: unknown) => String(error),
    );
}

/**
 * True unless PostgreSQL refused the data itself (SQLSTATE class 22 data exception, 23 integrity constraint): all else,
 * from a lost connection to a wrong password or a full disk, is mended by somebody, and the row is not to blame.
 * Source: PostgreSQL, Appendix A.
 */
export function isDatabaseOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code: unknown = Reflect.get(error, 'code');
  return !(typeof code === 'string' && /^(22|23)[0-9A-Z]{3}$/.test(code));
}
