import { createHash } from 'node:crypto';
import zookeeper, { type Acl, type Client, type Failure, type Stat } from 'node-zookeeper-client';
import { DeadlineError, withDeadline } from '../deadline.ts';
import type { Logger } from '../logger.ts';
import { ZooKeeperRefusedError } from './refused.ts';
import { type Server, serverOf, serversFrom } from './server-turns.ts';
import { quorumTrouble, readEnsemble } from './topology.ts';

/** `session`: the number of the session that an ephemeral node of our own belongs to; null for every other node. */
export type ZooKeeperNode = { data: Buffer; version: number; session: number | null };

/** As ZooKeeper spells it. */
export const anyVersion = -1;

/**
 * One ZooKeeper session after another behind one face: the only importer of node-zookeeper-client.
 *
 * The client underneath does not notice a silent partition, is dead after an expiry, and never calls back what was
 * queued while it was disconnected. So: each call has a deadline; a watchdog pings, and after two thirds of a session
 * timeout without an answer the next server of the list has its turn, the silent one coming last. It takes over the
 * session, which still lives then. Once a whole session timeout went by, a new client takes over; `onSession` listeners
 * re-read, re-watch and re-create. A call that comes while there is no connection waits for one: in the client's own
 * queue it would overtake the password.
 *
 * What this creates belongs to the first of `auth`: others may read it and no more. ZooKeeper itself takes every
 * password; a wrong one is noticed when a node is written: the call throws {@link ZooKeeperRefusedError}.
 */
export type ZooKeeper = {
  /** The node, or null when there is none. With `watch`, the next change of it calls `watch` once. */
  read: (path: string, watch?: () => void) => Promise<ZooKeeperNode | null>;
  /** Names of the children; none when the node does not exist. */
  children: (path: string, watch?: () => void) => Promise<string[]>;
  /** Creates the node with its parents; false when it is there already. */
  create: (path: string, data: Buffer, mode?: 'persistent' | 'ephemeral') => Promise<boolean>;
  /** Writes when the node still has `version`, or {@link anyVersion}; false when somebody else was faster, or it is gone. */
  write: (path: string, data: Buffer, version: number) => Promise<boolean>;
  /** Removes the node; nothing happens when there is none. */
  remove: (path: string) => Promise<void>;
  /** Makes sure the path exists. */
  ensure: (path: string) => Promise<void>;
  /** Gives a node that is there to the first of `auth`; true when it had another owner, or none. Without `auth`: nothing. */
  protect: (path: string) => Promise<boolean>;
  /** Calls the listener now if connected, and whenever a connection or a new session begins. */
  onSession: (listener: () => void) => void;
  /** Milliseconds since the server last answered; Infinity before the first answer. */
  silentForMs: () => number;
  /** Changes whenever a new session begins; ephemeral nodes of an older one are gone or going. */
  sessionNumber: () => number;
  /** host:port of the server that the session is on, or whose turn it is to take it. */
  server: () => string;
  /** A word of trouble, or null. */
  ready: () => string | null;
  close: () => void;
};

export type ZooKeeperOptions = {
  /** host:port[,host:port] */
  connection: string;
  /** `user:password`, of ZooKeeper's scheme "digest"; several while one takes another's place, the new one first. */
  auth?: readonly string[] | undefined;
  logger: Logger;
  sessionTimeoutMs?: number;
  callTimeoutMs?: number;
};

const { NO_NODE, NODE_EXISTS, BAD_VERSION, NO_AUTH } = zookeeper.Exception;
const { PERSISTENT, EPHEMERAL } = zookeeper.CreateMode;
/** The state of its connection manager in which a server's turn begins. */
const connecting = 1;
/** Errors that are answers: the server lives. */
const answers = new Set<number | undefined>([NO_NODE, NODE_EXISTS, BAD_VERSION, NO_AUTH]);

export function connectZooKeeper(options: ZooKeeperOptions): ZooKeeper {
  const { connection, auth = [], logger, sessionTimeoutMs = 4000, callTimeoutMs = 2000 } = options;
  const acl = aclOf(auth);
  const listeners = new Set<() => void>();
  /** Calls that wait for a connection. */
  const waiting = new Set<() => void>();
  let closed = false;
  let session = 0;
  let lastAnswerAt = Number.NEGATIVE_INFINITY;
  let openedAt = 0;
  /** What is wrong with the ensemble, while it is away and that is known. */
  let quorum: string | null = null;
  let isAsking = false;
  /** Since when it is this server's turn. */
  let turnAt = 0;
  /** How long a server may be silent: Java's client gives it as much. */
  const patienceMs = (sessionTimeoutMs * 2) / 3;
  let client = open();
  const timers = [setInterval(ping, sessionTimeoutMs / 6), setInterval(watch, sessionTimeoutMs / 12)];
  for (const timer of timers) timer.unref();

  /** `servers`: the order in which they have their turns; the client's own, which is random, where it is left out. */
  function open(servers?: readonly Server[]): Client {
    session += 1;
    openedAt = performance.now();
    turnAt = openedAt;
    const mine = session;
    const next = zookeeper.createClient(connection, { sessionTimeout: sessionTimeoutMs, spinDelay: 100, retries: 0 });
    const manager = next.connectionManager;
    if (servers !== undefined) manager.servers = servers;
    // The client itself says nothing of a server that it could not connect to.
    manager.on('state', (state) => {
      if (state !== connecting) return;
      manager.pendingBuffer = null; // half an answer of one server would spoil those of the next
      if (mine === session) turnAt = performance.now();
    });
    next.on('state', (state: { getName: () => string }) => {
      if (mine !== session || closed) return;
      const name = state.getName();
      logger.info({ state: name, session: mine, server: serverOf(manager) }, 'zookeeper');
      // Only a session that was there can have expired: else this is no ZooKeeper, and the next server has its turn.
      if (name === 'EXPIRED') replace('the session expired', lastAnswerAt > openedAt ? 'same' : 'next');
      if (name === 'SYNC_CONNECTED') {
        quorum = null;
        lastAnswerAt = performance.now();
        for (const start of waiting) start();
        waiting.clear();
        for (const listener of listeners) listener();
      }
    });
    // The client sends them at the begin of each connection.
    for (const each of auth) next.addAuthInfo('digest', Buffer.from(each));
    // The client throws these where nobody could catch them; the watchdog sees to the connection.
    next.on('error', (error: unknown) => logger.debug({ err: error }, 'zookeeper client'));
    next.connect();
    return next;
  }

  function replace(reason: string, first: 'same' | 'next'): void {
    if (closed) return;
    logger.warn({ reason, server: serverOf(client.connectionManager) }, 'zookeeper: starting a new session');
    const old = client;
    client = open(serversFrom(old.connectionManager, first));
    retire(old);
  }

  function ping(): void {
    call<[Stat | null]>('ping', (run, done) => run.exists('/', done)).catch(() => undefined); // silence tells
  }

  function watch(): void {
    if (isAway()) void askServers(); // it does not throw
    // A process that stood still itself first hears what came meanwhile.
    if (silenceMs() > patienceMs) setImmediate(leaveSilentServer);
  }

  const isAway = () => performance.now() - lastAnswerAt >= sessionTimeoutMs;

  /** So that a person reads how many servers there are instead of "no answer". */
  async function askServers(): Promise<void> {
    if (isAsking) return;
    isAsking = true;
    const found = quorumTrouble(await readEnsemble(connection));
    isAsking = false;
    if (closed || !isAway()) return;
    if (found !== null && found !== quorum) logger.warn({ session }, found);
    quorum = found;
  }

  const silenceMs = () => performance.now() - Math.max(lastAnswerAt, turnAt);

  function leaveSilentServer(): void {
    if (closed || silenceMs() <= patienceMs) return;
    if (performance.now() - lastAnswerAt > sessionTimeoutMs) {
      replace('no answer for a whole session timeout', 'next');
      return;
    }
    logger.warn(
      { server: serverOf(client.connectionManager), session },
      'zookeeper: no answer, the next server has its turn',
    );
    turnAt = performance.now();
    const { connectTimeoutHandler, socket } = client.connectionManager;
    clearTimeout(connectTimeoutHandler); // it would end the next connection
    socket?.destroy();
  }

  async function call<Results extends unknown[]>(
    what: string,
    run: (client: Client, done: (error: Failure | null, ...results: Results) => void) => void,
  ): Promise<Results> {
    let mine = session;
    const { promise: work, resolve, reject } = Promise.withResolvers<Results>();
    const start = () => {
      mine = session;
      try {
        run(client, (error, ...results) => {
          // Also when it comes too late for its caller.
          if (mine === session && (!error || answers.has(error.getCode?.()))) lastAnswerAt = performance.now();
          if (error) reject(error);
          else resolve(results);
        });
      } catch (error) {
        reject(error); // a path that is none
      }
    };
    if (client.getState().getName() === 'SYNC_CONNECTED') start();
    else waiting.add(start);
    try {
      return await withDeadline(work, callTimeoutMs, `zookeeper ${what}`);
    } catch (error) {
      if (codeOf(error) === NO_AUTH) throw new ZooKeeperRefusedError(what, auth.length > 0);
      throw error instanceof DeadlineError && quorum !== null
        ? new DeadlineError(`${error.message}: ${quorum}`)
        : error;
    } finally {
      waiting.delete(start);
    }
  }

  const isOwn = (of: Client, { ephemeralOwner }: Stat) => of === client && ephemeralOwner.equals(of.getSessionId());

  const ensure = async (path: string) => {
    // Asked first: a client that may not create nodes there would be refused also for a path that exists.
    const [stat] = await call<[Stat | null]>(`exists ${path}`, (run, done) => run.exists(path, done));
    if (stat === null) await call<[]>(`create ${path}`, (run, done) => run.mkdirp(path, acl, done));
  };

  return {
    ensure,
    protect: async (path) => {
      if (auth.length === 0) return false;
      const [is] = await call<[Acl[] | null]>(`read the ACL of ${path}`, (run, done) => run.getACL(path, done)).catch(
        unless<[null]>([NO_NODE], [null]),
      );
      if (is === null || isSameAcl(is, acl)) return false;
      return call<[Stat]>(`set the ACL of ${path}`, (run, done) => run.setACL(path, acl, -1, done)).then(
        () => true,
        unless([NO_NODE], false),
      );
    },
    read: (path, watch) =>
      call<[Buffer | undefined, Stat, number | null]>(`read ${path}`, (run, done) => {
        const tell = (error: Failure | null, data: Buffer | undefined, stat: Stat) =>
          done(error, data, stat, error === null && isOwn(run, stat) ? session : null);
        if (watch) run.getData(path, watch, tell);
        else run.getData(path, tell);
      }).then(
        ([data, { version }, owner]) => ({ data: data ?? Buffer.alloc(0), version, session: owner }),
        unless([NO_NODE], null),
      ),
    children: (path, watch) =>
      call<[string[]]>(`children ${path}`, (run, done) =>
        watch ? run.getChildren(path, watch, done) : run.getChildren(path, done),
      ).then(([names]) => names, unless([NO_NODE], [])),
    create: async (path, data, mode = 'persistent') => {
      const parent = path.slice(0, path.lastIndexOf('/'));
      if (parent !== '') await ensure(parent); // the root is always there, and has no name that could be asked for
      return call<[string]>(`create ${path}`, (run, done) =>
        run.create(path, data, acl, mode === 'ephemeral' ? EPHEMERAL : PERSISTENT, done),
      ).then(() => true, unless([NODE_EXISTS], false));
    },
    write: (path, data, version) =>
      call<[Stat]>(`write ${path}`, (run, done) => run.setData(path, data, version, done)).then(
        () => true,
        unless([BAD_VERSION, NO_NODE], false),
      ),
    remove: (path) =>
      call<[]>(`remove ${path}`, (run, done) => run.remove(path, -1, done)).then(
        () => undefined,
        unless([NO_NODE], undefined),
      ),
    onSession: (listener) => {
      listeners.add(listener);
      if (lastAnswerAt > openedAt) listener();
    },
    silentForMs: () => performance.now() - lastAnswerAt,
    sessionNumber: () => session,
    server: () => serverOf(client.connectionManager),
    ready: () => (isAway() ? (quorum ?? 'no answer') : null),
    close: () => {
      closed = true;
      for (const timer of timers) clearInterval(timer);
      retire(client);
    },
  };
}

/**
 * Ends a client. Its own `close` is for connected clients only: before the handshake's answer it makes the client read
 * that answer as another one and throw where nobody can catch it, and while it waits to reconnect it goes on to do so.
 */
function retire(client: Client): void {
  const manager = client.connectionManager;
  if (client.getState().getName() === 'SYNC_CONNECTED') {
    client.close();
    // The server hangs up after a closed session; a silent one must not keep the process alive.
    setTimeout(() => manager.socket?.destroy(), 1000).unref();
    return;
  }
  manager.connect = () => {};
  manager.onSocketData = () => {};
  manager.onSocketConnected = hangUp;
  manager.socket?.removeAllListeners('data');
  hangUp();

  /** Only a connection clears that timer, and it keeps the process alive: a command that ends at once waited 4 s for it. */
  function hangUp(): void {
    clearTimeout(manager.connectTimeoutHandler);
    manager.socket?.destroy();
  }
}

/** All rights for the first of `auth`, and every client may read: nothing in the tree is secret. Without it: everything for all. */
function aclOf([first]: readonly string[]): Acl[] {
  if (first === undefined) return zookeeper.ACL.OPEN_ACL_UNSAFE;
  const user = first.slice(0, first.indexOf(':'));
  const digest = createHash('sha1').update(first).digest('base64'); // the scheme's own form
  return [
    new zookeeper.ACL(zookeeper.Permission.ALL, new zookeeper.Id('digest', `${user}:${digest}`)),
    new zookeeper.ACL(zookeeper.Permission.READ, new zookeeper.Id('world', 'anyone')),
  ];
}

function isSameAcl(one: readonly Acl[], other: readonly Acl[]): boolean {
  const textOf = (acl: readonly Acl[]) => acl.map(({ permission, id }) => `${id.scheme}:${id.id}:${permission}`).sort();
  return textOf(one).join() === textOf(other).join();
}

function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'getCode' in error ? (error as Failure).getCode?.() : undefined;
}

/** Turns these error codes into a value; every other error goes on. */
function unless<T>(codes: readonly number[], value: T): (error: unknown) => T {
  return (error) => {
    const code = codeOf(error);
    if (code === undefined || !codes.includes(code)) throw error;
    return value;
  };
}
