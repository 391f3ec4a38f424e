import { createHash } from 'node:crypto';
import zookeeper, { type Acl, type Client, type Failure, type Stat } from 'node-zookeeper-client';
import { withDeadline } from '../deadline.ts';
import type { Logger } from '../logger.ts';
import { ZooKeeperRefusedError } from './refused.ts';

export type ZooKeeperNode = { data: Buffer; version: number };

/**
 * One ZooKeeper session after another behind one face: the only importer of node-zookeeper-client.
 *
 * The client underneath does not notice a silent partition, is dead after an expiry, and never calls back what was
 * queued while it was disconnected. So: each call has a deadline; a watchdog pings, and when no ping came back for a
 * whole session timeout a new client takes over; `onSession` listeners then re-read, re-watch and re-create. A call
 * that comes while there is no connection waits for one: in the client's own queue it would overtake the password.
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
  /** Writes when the node still has `version`; false when somebody else was faster, or it is gone. */
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
  let client = open();
  const watchdog = setInterval(() => void ping(), sessionTimeoutMs / 4); // its own deadline settles it
  watchdog.unref();

  function open(): Client {
    session += 1;
    openedAt = performance.now();
    const mine = session;
    const next = zookeeper.createClient(connection, { sessionTimeout: sessionTimeoutMs, spinDelay: 100, retries: 0 });
    next.on('state', (state: { getName: () => string }) => {
      if (mine !== session || closed) return;
      const name = state.getName();
      logger.info({ state: name, session: mine }, 'zookeeper');
      if (name === 'EXPIRED') replace('the session expired');
      if (name === 'SYNC_CONNECTED') {
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

  function replace(reason: string): void {
    if (closed) return;
    logger.warn({ reason }, 'zookeeper: starting a new session');
    const old = client;
    client = open();
    retire(old);
  }

  async function ping(): Promise<void> {
    try {
      await call<[Stat | null]>('ping', (run, done) => run.exists('/', done));
    } catch {
      const heard = Math.max(lastAnswerAt, openedAt);
      if (performance.now() - heard > sessionTimeoutMs) replace('no answer for a whole session timeout');
    }
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
        run(client, (error, ...results) => (error ? reject(error) : resolve(results)));
      } catch (error) {
        reject(error); // a path that is none
      }
    };
    if (client.getState().getName() === 'SYNC_CONNECTED') start();
    else waiting.add(start);
    try {
      const results = await withDeadline(work, callTimeoutMs, `zookeeper ${what}`);
      if (mine === session) lastAnswerAt = performance.now();
      return results;
    } catch (error) {
      const code = codeOf(error);
      if (mine === session && answers.has(code)) lastAnswerAt = performance.now();
      throw code === NO_AUTH ? new ZooKeeperRefusedError(what, auth.length > 0) : error;
    } finally {
      waiting.delete(start);
    }
  }

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
      call<[Buffer | undefined, Stat]>(`read ${path}`, (run, done) =>
        watch ? run.getData(path, watch, done) : run.getData(path, done),
      ).then(([data, stat]) => ({ data: data ?? Buffer.alloc(0), version: stat.version }), unless([NO_NODE], null)),
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
    ready: () => (performance.now() - lastAnswerAt < sessionTimeoutMs ? null : 'no answer'),
    close: () => {
      closed = true;
      clearInterval(watchdog);
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
