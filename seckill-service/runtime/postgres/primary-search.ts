import { withDeadline } from '../deadline.ts';
import { HostClient } from './host-client.ts';
import type { PostgresHost, PostgresPlace } from './place.ts';

export type HostRole =
  /** `timeline` grows by one with each promotion: of two primaries the higher one is the younger. */
  { kind: 'primary'; timeline: number } | { kind: 'standby' } | { kind: 'away'; why: string };

/** No host is a primary. An outage like a refused connection: it ends without us. */
export class NoPrimary extends Error {
  constructor(roles: readonly { host: PostgresHost; role: HostRole }[]) {
    const words = roles.map(({ host, role }) =>
      role.kind === 'away' ? `${host.name} does not answer (${role.why})` : `${host.name} is a ${role.kind}`,
    );
    super(`${words.join(', ')}, no primary: name the primary's host, or promote a standby`);
  }
}

/** Asks a server what it is, over a connection of its own. Never rejects. */
async function askRole(host: PostgresHost, withinMs: number): Promise<HostRole> {
  const client = new HostClient({ connectionString: host.url, connectionTimeoutMillis: withinMs });
  client.on('error', () => undefined); // the query under way rejects
  const ask = async (): Promise<HostRole> => {
    await client.connect();
    if (await isStandby(client)) return { kind: 'standby' };
    return { kind: 'primary', timeline: await timelineOf(client) };
  };
  try {
    return await withDeadline(ask(), withinMs, 'its answer');
  } catch (error) {
    return { kind: 'away', why: error instanceof Error ? error.message : String(error) };
  } finally {
    void client.end().catch(() => undefined); // a dead link is not waited for
  }
}

/** By what the server said at connect; one that said nothing is asked. */
export async function isStandby(client: HostClient): Promise<boolean> {
  if (client.saidStandby !== null) return client.saidStandby;
  const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
  return rows[0]?.standby === true;
}

/** 0 where it cannot be told: some managed databases have no such function. */
async function timelineOf(client: HostClient): Promise<number> {
  const sql = 'SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline';
  const { rows } = await client.query<{ timeline: string }>(sql).catch(() => ({ rows: [] }));
  return Number.parseInt(rows[0]?.timeline ?? '0', 16);
}

/** Which of several hosts is the primary: the last good one, until it is in doubt. */
export class PrimarySearch {
  readonly #hosts: readonly PostgresHost[];
  readonly #onMoved: (present: PostgresHost) => void;
  #current: PostgresHost;
  #inDoubt = false;
  #search: Promise<void> | undefined;

  /** `onMoved`: another host is the primary now. */
  constructor(place: PostgresPlace, onMoved: (present: PostgresHost) => void = () => undefined) {
    const [first] = place.hosts;
    if (first === undefined) throw new RangeError('a place has a host');
    this.#hosts = place.hosts;
    this.#current = first;
    this.#onMoved = onMoved;
  }

  get current(): PostgresHost {
    return this.#current;
  }

  get hasSeveral(): boolean {
    return this.#hosts.length > 1;
  }

  get inDoubt(): boolean {
    return this.#inDoubt;
  }

  /** Something of this host failed in a way that a host which is no primary any more fails in. */
  doubt(host: PostgresHost): void {
    if (host === this.#current) this.#inDoubt = true;
  }

  /** Asks all hosts at once, for so long; throws {@link NoPrimary}. Who calls while it runs gets its outcome. */
  search(withinMs: number): Promise<void> {
    this.#search ??= this.#ask(withinMs).finally(() => {
      this.#search = undefined;
    });
    return this.#search;
  }

  async #ask(withinMs: number): Promise<void> {
    const roles = await Promise.all(this.#hosts.map(async (host) => ({ host, role: await askRole(host, withinMs) })));
    const [best] = roles
      .flatMap(({ host, role }) => (role.kind === 'primary' ? [{ host, timeline: role.timeline }] : []))
      .sort((a, b) => b.timeline - a.timeline || Number(b.host === this.#current) - Number(a.host === this.#current));
    if (best === undefined) throw new NoPrimary(roles);
    const before = this.#current;
    this.#current = best.host;
    this.#inDoubt = false;
    if (before !== best.host) this.#onMoved(best.host);
  }
}
