import { type ClientConfig, Pool, type PoolClient, type PoolConfig } from 'pg';
import { withDeadline } from '../deadline.ts';
import { isStandby } from './ask-host.ts';
import { HostClient } from './host-client.ts';
import type { PostgresHost, PostgresPlace } from './place.ts';
import { NoPrimary, PrimarySearch } from './primary-search.ts';

/**
 * Answers of a server that is no primary, or will not be one soon: read only (25006), ended by its administrator or a crash
 * (57P01, 57P02), not yet started (57P03).
 */
const noPrimaryCodes: ReadonlySet<unknown> = new Set(['25006', '57P01', '57P02', '57P03']);

/** True when the client that threw this must not be used again. The driver has no code for a statement that was never answered. */
export function spoilsClient(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return noPrimaryCodes.has(Reflect.get(error, 'code')) || error.message === 'Query read timeout';
}

type ConnectCallback = (
  error: Error | undefined,
  client: PoolClient | undefined,
  done: (release?: Error | boolean) => void,
) => void;

/**
 * A pool of one server: as the driver has it, but a standby is refused in words. It costs nothing where the server says at
 * connect what it is, and is not asked for elsewhere.
 */
export function singlePool(place: PostgresPlace, config: PoolConfig): Pool {
  const host = new PrimarySearch(place).current;
  return new Pool({
    ...config,
    connectionString: host.url,
    Client: HostClient,
    onConnect: (client) => {
      if (client instanceof HostClient && client.saidStandby === true) {
        throw new NoPrimary([{ host, role: { kind: 'standby' } }]);
      }
    },
  });
}

/** A call may connect, search and connect again: each has a third of what the pool gives it. */
const thirdOf = (connectionTimeoutMillis: number | undefined) => Math.round((connectionTimeoutMillis ?? 3000) / 3);

/**
 * A pool of several servers, all of whose clients are on the primary. A new connection goes to the last primary first. When
 * that does not answer, turns out to be a standby, or is in doubt because a client of it broke, all hosts are asked, and the
 * connection goes to the primary that is found: by the same call, so that the first query after a failover works. Connections to
 * a former primary are cut.
 */
export function primaryPool(place: PostgresPlace, config: PoolConfig): Pool {
  const live = new Set<SearchingClient>();
  const search = new PrimarySearch(place, (present) => {
    for (const client of live) {
      if (client.at === present) continue;
      client.connection.stream.destroy(new Error(`${client.at.name} is not the primary any more`));
    }
  });

  class SearchingClient extends HostClient {
    readonly at: PostgresHost;

    constructor(config?: ClientConfig) {
      const at = search.current;
      super({ ...config, connectionString: at.url, connectionTimeoutMillis: thirdOf(config?.connectionTimeoutMillis) });
      this.at = at;
      live.add(this);
      const doubt = () => search.doubt(at);
      let connected = false;
      this.once('connect', () => {
        connected = true;
      });
      this.on('error', doubt);
      this.connection.on('error', doubt);
      this.connection.on('errorMessage', ({ code }: { code?: string }) => {
        if (!connected || noPrimaryCodes.has(code)) doubt();
      });
      this.connection.once('end', () => {
        if (!connected) doubt();
        live.delete(this);
      });
    }
  }

  const pool = new SearchingPool(search, {
    ...config,
    Client: SearchingClient,
    onConnect: async (client) => {
      if (!(client instanceof SearchingClient)) return; // the driver's type says any client
      if (
        await withDeadline(
          isStandby(client),
          thirdOf(config.connectionTimeoutMillis),
          `asking ${client.at.name} for its role`,
        )
      ) {
        search.doubt(client.at);
        throw new NoPrimary([{ host: client.at, role: { kind: 'standby' } }]);
      }
      if (client.at !== search.current) throw new Error(`${client.at.name} is not the primary any more`);
    },
  });
  // A statement that was never answered: of a frozen server no link breaks.
  pool.on('release', (error, client) => {
    if (spoilsClient(error) && client instanceof SearchingClient) search.doubt(client.at);
  });
  return pool;
}

class SearchingPool extends Pool {
  readonly #search: PrimarySearch;

  constructor(search: PrimarySearch, config: PoolConfig) {
    super(config);
    this.#search = search;
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<PoolClient> | undefined {
    const connected = this.#connect();
    if (callback === undefined) return connected;
    connected.then(
      (client) => callback(undefined, client, (release) => client.release(release)),
      (error: Error) => callback(error, undefined, () => undefined),
    );
    return undefined;
  }

  async #connect(): Promise<PoolClient> {
    const search = this.#search;
    const withinMs = thirdOf(this.options.connectionTimeoutMillis);
    if (search.inDoubt) await search.search(withinMs);
    const tried = search.current;
    try {
      return await super.connect();
    } catch (error) {
      if (!search.inDoubt && search.current === tried) throw error; // the pool's own: none became free
      if (search.inDoubt) await search.search(withinMs);
      return super.connect();
    }
  }
}
