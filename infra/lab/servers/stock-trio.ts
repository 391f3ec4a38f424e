import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { fieldsOf } from '#runtime/redis/sentinel.ts';
import { poll, soonMs } from '../poll.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { freePort } from './free-port.ts';
import { aclRights, type RedisTls, startRedisServer } from './redis.ts';
import { type Peer, type ProxyMode, startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import type { TiedProcess } from './tied-process.ts';

export type TrioProcess = {
  /** Where the others and the clients reach it: behind its proxy where the trio has links. */
  port: number;
  /** Past every proxy, with every right. It waits for a server that is away; a question waits a second for its answer. */
  client: Redis;
  /** Stands still, with its connections open. */
  pause(): void;
  resume(): void;
  /** Dies as by a kill: the kernel still delivers what it wrote. See `powerOff`. */
  kill(): Promise<void>;
  /**
   * Is there again at the same place, with what its disk has. A primary that died comes back as a primary until a sentinel
   * tells it, which takes two seconds and more; as a replica where the one to follow is given.
   */
  start(primary?: Machine): Promise<void>;
};

/** A Redis and the sentinel beside it: what goes together when a machine goes. */
export type Machine = { number: 1 | 2 | 3; redis: TrioProcess; sentinel: TrioProcess };

export type StockTrio = {
  /** For a client: the sentinels and the name `stock`. Its user may not administer; see `login`. */
  url: string;
  machines: readonly [Machine, Machine, Machine];
  /** Which one two sentinels name, as soon as they do; it is another than `not` where that is given. */
  primary(not?: Machine): Promise<Machine>;
  /** Resolves when all three sentinels name one primary and see as many replicas follow it; default 2. */
  settled(replicas?: number): Promise<Machine>;
  /** An orderly failover by Sentinel's own command; resolves when all is settled, with the new primary. */
  failover(): Promise<Machine>;
  /** What is between two ends, in both directions, for open connections too. Only with `links`. `ms` is for `delay`. */
  link(a: Machine | 'clients', b: Machine | 'clients', mode: ProxyMode, ms?: number): void;
  /** Alone in the world, but for `company`: bytes to and from all others vanish. Only with `links`. */
  isolate(machine: Machine, company?: readonly (Machine | 'clients')[]): void;
  /** The machine is gone, and with it every byte that was on its way. Only with `links`. `redis.start` and `heal` bring it back. */
  powerOff(machine: Machine): Promise<void>;
  /** Every link passes. */
  heal(): void;
  stop(): Promise<void>;
};

type Options = {
  /** Clients, servers and sentinels meet through proxies, so that links can be broken. Without it they meet directly. */
  links?: boolean;
  /** A primary is taken for dead after this; default 1000, as in production. */
  downAfterMs?: number;
  /**
   * A failover takes `downAfterMs` and a moment: sentinels ask each other more often, and each waits 300 ms longer than the
   * one before and begins an election by itself (its quorum is 1; it needs the votes of two all the same). As in production
   * they begin at the same time now and then, none gets two votes, and they wait for 6 s.
   */
  isHurried?: boolean;
  /** An ACL user of the servers with the rights of docs/redis.md, and one of the sentinels. */
  login?: { user: string; password: string; sentinelUser: string; sentinelPassword: string };
  tls?: RedisTls;
};

const name = 'stock';
/** May do all: replicas and sentinels are this user, and so are the clients of the tests' own. */
const keeper = { user: 'keeper', password: 'of the trio' };
const sourceOf = (machine: number) => `127.0.1.${machine}`;
const isMachine = (address: string) => address.startsWith('127.0.1.');

/**
 * Three Redis with `appendfsync always`, a sentinel beside each, quorum 2; the first is the primary. On 127.0.0.1, below
 * the kernel's own ports. They know each other from their files, so that all is there after half a second. They end with
 * `stop`, or with this process.
 *
 * With `links` each process announces a proxy's port, and connects from its machine's own address (127.0.1.1 to 3, no
 * set-up is needed for it on Linux): so the one proxy before it tells machines and clients apart.
 */
export async function startStockTrio(options: Options = {}): Promise<StockTrio> {
  const dir = temporaryDirectory('trio');
  const proxies = new Map<TrioProcess, TcpProxy>();
  const numbers = [1, 2, 3] as const;
  const prepared = await Promise.all(
    numbers.map(async (number) => ({ number, redis: await place(), sentinel: await place() })),
  );
  const first = prepared[0]?.redis.announced ?? 0;

  /** A port to listen on and the one to announce. */
  async function place() {
    const port = await freePort();
    if (!options.links) return { port, announced: port, proxy: null, id: hex() };
    const proxy = await startTcpProxy({ to: { host: '127.0.0.1', port } });
    return { port, announced: proxy.port, proxy, id: hex() };
  }
  type Place = Awaited<ReturnType<typeof place>>;

  function common(at: Place, number: number, home: string): string[] {
    const { tls, links } = options;
    return [
      ...['bind 127.0.0.1', 'daemonize no', `dir "${home}"`],
      ...(tls === undefined
        ? [`port ${at.port}`]
        : [
            ...['port 0', `tls-port ${at.port}`, 'tls-auth-clients no', 'tls-replication yes'],
            ...[`tls-cert-file "${tls.certificate}"`, `tls-key-file "${tls.certificateKey}"`],
            `tls-ca-cert-file "${tls.authority}"`,
          ]),
      ...(links ? [`bind-source-addr ${sourceOf(number)}`] : []),
    ];
  }

  function redisFile(at: Place, number: number, home: string): string[] {
    const { login, links } = options;
    return [
      ...common(at, number, home),
      ...[
        'save ""',
        'appendonly yes',
        'appendfsync always',
        'maxmemory-policy noeviction',
        'repl-diskless-sync-delay 0',
      ],
      'repl-ping-replica-period 1',
      ...(links ? ['replica-announce-ip 127.0.0.1', `replica-announce-port ${at.announced}`] : []),
      ...(number === 1 ? [] : [`replicaof 127.0.0.1 ${first}`]),
      ...(login === undefined
        ? []
        : [
            `user ${login.user} on #${sha256(login.password)} ${aclRights.join(' ')}`,
            `user ${keeper.user} on #${sha256(keeper.password)} ~* &* +@all`,
            ...['user default off', `masteruser ${keeper.user}`, `masterauth "${keeper.password}"`],
          ]),
    ];
  }

  function sentinelFile(at: Place, number: number, home: string): string[] {
    const { login, links, downAfterMs = 1000, isHurried = false } = options;
    const [quorum, patienceMs] = isHurried ? [1, downAfterMs + 300 * (number - 1)] : [2, downAfterMs];
    const others = prepared.filter((it) => it.number !== number);
    return [
      ...common(at, number, home),
      ...(links ? ['sentinel announce-ip 127.0.0.1', `sentinel announce-port ${at.announced}`] : []),
      ...(login === undefined
        ? []
        : [
            `user ${login.sentinelUser} on #${sha256(login.sentinelPassword)} ${sentinelRights}`,
            ...[`requirepass "${keeper.password}"`, `sentinel sentinel-pass "${keeper.password}"`],
          ]),
      `sentinel myid ${at.id}`,
      `sentinel monitor ${name} 127.0.0.1 ${first} ${quorum}`,
      ...(login === undefined
        ? []
        : [`sentinel auth-user ${name} ${keeper.user}`, `sentinel auth-pass ${name} "${keeper.password}"`]),
      ...[`sentinel down-after-milliseconds ${name} ${patienceMs}`, `sentinel failover-timeout ${name} 3000`],
      `sentinel parallel-syncs ${name} 2`,
      ...prepared.slice(1).map(({ redis }) => `sentinel known-replica ${name} 127.0.0.1 ${redis.announced}`),
      ...others.map(({ sentinel }) => `sentinel known-sentinel ${name} 127.0.0.1 ${sentinel.announced} ${sentinel.id}`),
    ];
  }

  async function run(what: 'redis' | 'sentinel', at: Place, number: number): Promise<TrioProcess> {
    const home = join(dir, `${what}-${number}`);
    const file = join(home, `${what}.conf`);
    mkdirSync(home);
    const lines = what === 'redis' ? redisFile(at, number, home) : sentinelFile(at, number, home);
    writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    const args = what === 'redis' ? [file] : [file, '--sentinel'];
    let server: TiedProcess = await startRedisServer(args);
    const client = new Redis({
      ...{ host: '127.0.0.1', port: at.port, replyMapping: 'legacy', maxRetriesPerRequest: null },
      ...{ retryStrategy: () => 20, commandTimeout: 1000, socketTimeout: 1000 },
      ...(options.login === undefined ? {} : { password: keeper.password }),
      ...(options.login !== undefined && what === 'redis' ? { username: keeper.user } : {}),
      ...(options.tls === undefined ? {} : { tls: { ca: readFileSync(options.tls.authority) } }),
    });
    client.on('error', () => {}); // what it was asked tells
    const process: TrioProcess = {
      port: at.announced,
      client,
      pause: () => void server.child.kill('SIGSTOP'),
      resume: () => void server.child.kill('SIGCONT'),
      kill: () => server.end('SIGKILL'),
      start: async (primary) => {
        const following = primary === undefined ? [] : ['--replicaof', `127.0.0.1 ${primary.redis.port}`];
        server = await startRedisServer([...args, ...following]);
        if (what === 'sentinel') await hurry(process);
      },
    };
    if (at.proxy !== null) proxies.set(process, at.proxy);
    return process;
  }

  async function hurry({ client }: TrioProcess): Promise<void> {
    if (!options.isHurried) return;
    // A server that says for four times the last that it is a primary is told otherwise: a promotion must be known by then.
    // A replica is asked once a second, and taken only if it answered within the last five pings.
    const ms = { 'info-period': 1000, 'ping-period': 250, 'ask-period': 100, 'publish-period': 500 };
    await client.call('SENTINEL', 'DEBUG', ...Object.entries(ms).flat().map(String));
  }

  const machines = (await Promise.all(
    prepared.map(async (it) => {
      const redis = await run('redis', it.redis, it.number);
      return { number: it.number, redis, sentinel: await run('sentinel', it.sentinel, it.number) };
    }),
  )) as [Machine, Machine, Machine]; // one for each of three numbers
  await Promise.all(machines.map(({ sentinel }) => hurry(sentinel)));

  /** What a sentinel names; null where it does not answer. */
  async function named({ sentinel }: Machine): Promise<Machine | null> {
    const address = await sentinel.client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name).catch(() => null);
    const port = Array.isArray(address) ? Number(address[1]) : 0;
    return machines.find(({ redis }) => redis.port === port) ?? null;
  }

  const primary: StockTrio['primary'] = (not) =>
    poll('two sentinels name one primary', async () => {
      const votes = await Promise.all(machines.map(named));
      return votes.find((it) => it !== null && it !== not && votes.filter((vote) => vote === it).length >= 2) ?? null;
    });

  const settled = (replicas = 2) =>
    poll(`three sentinels name one primary, and ${replicas} replicas follow it`, async () => {
      const [one = null, ...rest] = await Promise.all(machines.map(named));
      if (one === null || rest.some((it) => it !== one)) return null;
      const info = await one.redis.client.info('replication');
      if (!info.includes('role:master') || [...info.matchAll(/state=online/g)].length < replicas) return null;
      const known = await Promise.all(machines.map(({ sentinel }) => knows(sentinel, replicas)));
      return known.every(Boolean) ? one : null;
    });

  function side(end: Machine | 'clients'): { isMeant: (peer: Peer) => boolean; doors: TcpProxy[] } {
    if (end === 'clients') return { isMeant: ({ address }) => !isMachine(address), doors: [] };
    const doors = [end.redis, end.sentinel].map((process) => proxies.get(process));
    if (doors.includes(undefined)) throw new Error('this trio has no links: start it with { links: true }');
    const isMeant = ({ address }: Peer) => address === sourceOf(end.number);
    return { isMeant, doors: doors.filter((door) => door !== undefined) };
  }

  function link(a: Machine | 'clients', b: Machine | 'clients', mode: ProxyMode, ms?: number): void {
    const [from, to] = [side(a), side(b)];
    for (const door of to.doors) door.modeFor(from.isMeant, mode, ms);
    for (const door of from.doors) door.modeFor(to.isMeant, mode, ms);
  }

  const others = (machine: Machine, company: readonly (Machine | 'clients')[] = []) =>
    [...machines, 'clients' as const].filter((end) => end !== machine && !company.includes(end));

  await settled();
  return {
    url: urlFor(machines, options),
    machines,
    primary,
    settled,
    async failover() {
      const before = await primary();
      const command = async () => {
        if ((await named(machines[0])) !== before) return true;
        // Refused while one is in progress; one that was given up is begun anew.
        await machines[0].sentinel.client.call('SENTINEL', 'FAILOVER', name).catch(() => undefined);
        return false;
      };
      await poll('a failover by command', command, soonMs, 100);
      return settled();
    },
    link,
    isolate(machine, company) {
      for (const end of others(machine, company)) link(machine, end, 'half-open');
    },
    async powerOff(machine) {
      for (const end of others(machine)) link(machine, end, 'cut');
      await Promise.all([machine.redis.kill(), machine.sentinel.kill()]);
    },
    heal() {
      for (const proxy of proxies.values()) proxy.mode('pass');
    },
    async stop() {
      for (const { redis, sentinel } of machines) for (const { client } of [redis, sentinel]) client.disconnect();
      await Promise.all(machines.flatMap(({ redis, sentinel }) => [redis.kill(), sentinel.kill()]));
      await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** What the client of a sentinel asks, and nothing that changes anything; docs/redis.md names the same. */
const sentinelRights =
  '&* -@all +auth +hello +ping +info +subscribe +sentinel|get-master-addr-by-name +sentinel|master +sentinel|replicas +sentinel|is-master-down-by-addr';

function urlFor(machines: readonly Machine[], { login, tls }: Options): string {
  const hosts = machines.map(({ sentinel }) => `127.0.0.1:${sentinel.port}`).join(',');
  const user = login === undefined ? '' : `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@`;
  const query = new URLSearchParams({
    ...(login && { sentinelUser: login.sentinelUser, sentinelPassword: login.sentinelPassword }),
    ...(tls && { sslrootcert: tls.authority }),
  });
  const more = query.size === 0 ? '' : `?${query}`;
  return `${tls === undefined ? 'redis' : 'rediss'}+sentinel://${user}${hosts}/${name}${more}`;
}

/** Whether a sentinel sees a primary that is up, as many replicas that follow it, and the two other sentinels. */
async function knows({ client }: TrioProcess, expected: number): Promise<boolean> {
  const [primary, replicas] = await Promise.all([
    client.call('SENTINEL', 'MASTER', name),
    client.call('SENTINEL', 'REPLICAS', name),
  ]);
  const { flags, 'num-other-sentinels': sentinels } = fieldsOf(primary);
  const following = Array.isArray(replicas) ? replicas.map(fieldsOf).filter((it) => it.flags === 'slave') : [];
  return flags === 'master' && sentinels === '2' && following.length >= expected;
}

const hex = () => randomBytes(20).toString('hex');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
