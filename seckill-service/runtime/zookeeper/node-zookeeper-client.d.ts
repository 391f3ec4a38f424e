/** The part of node-zookeeper-client 1.1 that runtime/zookeeper/client.ts uses; the package has no types of its own. */
declare module 'node-zookeeper-client' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';

  type Stat = { version: number; czxid: Buffer; ephemeralOwner: Buffer };
  type Failure = Error & { getCode?: () => number };
  type Watcher = (event: { getType: () => number; getPath: () => string }) => void;

  /** Internals: for ending a client that is not connected, and for the order of its servers (client.ts). */
  type ConnectionManager = {
    /** In the order of their turns; shuffled by the client. */
    servers: readonly { host: string; port: string | number }[];
    /** Where the walk goes on: the server after the one whose turn it is. From 0 up to the number of servers. */
    nextServerIndex: number;
    /** What came of an answer that is not complete; the client does not drop it with its connection. */
    pendingBuffer: Buffer | null;
    socket?: Socket;
    /** 0: no connection, 1: trying the next server, 2: connected; these and others by name in lib/ConnectionManager.js. */
    on: (event: 'state', listener: (state: number) => void) => void;
    connect: () => void;
    onSocketConnected: () => void;
    connectTimeoutHandler?: NodeJS.Timeout;
    onSocketData: (data: Buffer) => void;
  };

  type Id = { scheme: string; id: string };
  type Acl = { permission: number; id: Id };

  interface Client extends EventEmitter {
    connectionManager: ConnectionManager;
    connect(): void;
    close(): void;
    getSessionId(): Buffer;
    getState(): { getName: () => string };
    addAuthInfo(scheme: string, auth: Buffer): void;
    create(
      path: string,
      data: Buffer,
      acls: Acl[],
      mode: number,
      callback: (error: Failure | null, path: string) => void,
    ): void;
    mkdirp(path: string, acls: Acl[], callback: (error: Failure | null) => void): void;
    getACL(path: string, callback: (error: Failure | null, acls: Acl[], stat: Stat) => void): void;
    setACL(path: string, acls: Acl[], version: number, callback: (error: Failure | null, stat: Stat) => void): void;
    exists(path: string, callback: (error: Failure | null, stat: Stat | null) => void): void;
    getData(
      path: string,
      watcher: Watcher,
      callback: (error: Failure | null, data: Buffer | undefined, stat: Stat) => void,
    ): void;
    getData(path: string, callback: (error: Failure | null, data: Buffer | undefined, stat: Stat) => void): void;
    getChildren(path: string, watcher: Watcher, callback: (error: Failure | null, children: string[]) => void): void;
    getChildren(path: string, callback: (error: Failure | null, children: string[]) => void): void;
    setData(path: string, data: Buffer, version: number, callback: (error: Failure | null, stat: Stat) => void): void;
    remove(path: string, version: number, callback: (error: Failure | null) => void): void;
  }

  const zookeeper: {
    createClient(connection: string, options: { sessionTimeout: number; spinDelay: number; retries: number }): Client;
    CreateMode: { PERSISTENT: number; EPHEMERAL: number };
    Exception: { NO_NODE: number; NODE_EXISTS: number; BAD_VERSION: number; NO_AUTH: number };
    Permission: { READ: number; ALL: number };
    Id: new (scheme: string, id: string) => Id;
    ACL: (new (permission: number, id: Id) => Acl) & { OPEN_ACL_UNSAFE: Acl[] };
  };
  export default zookeeper;
  export type { Acl, Client, Failure, Stat, Watcher };
}
