import { type Away, askHost, isStandby, timelineOf } from './ask-host.ts';
import type { PostgresHost, PostgresPlace } from './place.ts';

type Primary = { kind: 'primary'; timeline: number };
/** `replaced`: it calls itself the primary, and another one was promoted since. */
type HostRole = Primary | { kind: 'replaced' } | { kind: 'standby' } | Away;

/** No host is a primary. An outage like a refused connection: it ends without us. */
export class NoPrimary extends Error {
  /** Each host answered, as a standby: the URL is wrong, unless a promotion is under way. */
  readonly areAllStandbys: boolean;

  constructor(roles: readonly { host: PostgresHost; role: HostRole }[]) {
    const words = roles.map(({ host, role }) => `${host.name} ${wordsOf(role)}`);
    super(`${words.join(', ')}, no primary: name the primary's host, or promote a standby`);
    this.areAllStandbys = roles.every(({ role }) => role.kind === 'standby');
  }
}

function wordsOf(role: HostRole): string {
  if (role.kind === 'away') return `does not answer (${role.why})`;
  return role.kind === 'replaced' ? 'was the primary before one that is away' : `is a ${role.kind}`;
}

const askRole = (host: PostgresHost, withinMs: number): Promise<HostRole> =>
  askHost<HostRole>(host, withinMs, async (client) =>
    (await isStandby(client)) ? { kind: 'standby' } : { kind: 'primary', timeline: await timelineOf(client) },
  );

const replaced: HostRole = { kind: 'replaced' };

/**
 * Which of several hosts is the primary: the last good one, until it is in doubt, as it is at first. One that was replaced and
 * does not know it takes writes that are lost: while a host is away, no primary is older than the last good one. When all
 * answer, the youngest of them is believed: the database may have been set up anew.
 */
export class PrimarySearch {
  readonly #hosts: readonly PostgresHost[];
  readonly #onMoved: (present: PostgresHost) => void;
  #current: PostgresHost;
  #inDoubt: boolean;
  #timeline = 0;
  #search: Promise<void> | undefined;

  /** `onMoved`: another host is the primary now. */
  constructor(place: PostgresPlace, onMoved: (present: PostgresHost) => void = () => undefined) {
    const [first] = place.hosts;
    if (first === undefined) throw new RangeError('a place has a host');
    this.#hosts = place.hosts;
    this.#current = first;
    this.#inDoubt = place.hosts.length > 1;
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

  /** Asks all hosts at once, for `withinMs`; throws {@link NoPrimary}. A call while it runs gets its outcome. */
  search(withinMs: number): Promise<void> {
    this.#search ??= this.#ask(withinMs).finally(() => {
      this.#search = undefined;
    });
    return this.#search;
  }

  async #ask(withinMs: number): Promise<void> {
    const asked = await Promise.all(this.#hosts.map(async (host) => ({ host, role: await askRole(host, withinMs) })));
    const isAnyAway = asked.some(({ role }) => role.kind === 'away');
    const isReplaced = (role: HostRole) =>
      isAnyAway && role.kind === 'primary' && role.timeline > 0 && role.timeline < this.#timeline;
    const roles = asked.map(({ host, role }) => ({ host, role: isReplaced(role) ? replaced : role }));
    const [best] = roles
      .flatMap(({ host, role }) => (role.kind === 'primary' ? [{ host, timeline: role.timeline }] : []))
      .sort((a, b) => b.timeline - a.timeline || Number(b.host === this.#current) - Number(a.host === this.#current));
    if (best === undefined) throw new NoPrimary(roles);
    const before = this.#current;
    this.#current = best.host;
    if (best.timeline > 0) this.#timeline = best.timeline;
    this.#inDoubt = false;
    if (before !== best.host) this.#onMoved(best.host);
  }
}
