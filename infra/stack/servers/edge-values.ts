/** Rates are requests a second, bursts are requests that may come at once. `inFlight` is for all workers together. */
export type EdgeLimits = {
  userPerSecond: number;
  userBurst: number;
  addressPerSecond: number;
  addressBurst: number;
  /** Of an address, on the routes that servers call: a payment provider's webhooks. */
  serverPerSecond: number;
  serverBurst: number;
  inFlight: number;
};

/** A local stack gets its whole crowd from one address, so the address limit is out of the way there: lower it elsewhere. */
export const defaultEdgeLimits: EdgeLimits = {
  userPerSecond: 10,
  userBurst: 20,
  addressPerSecond: 100_000,
  addressBurst: 100_000,
  serverPerSecond: 500,
  serverBurst: 2000,
  inFlight: 512,
};

/** What an edge needs to know. Every path is absolute; a server is `host:port` or a unix socket's path. */
export type EdgeConfigValues = {
  platform: 'debian' | 'openresty';
  /** The workers' user when nginx is started by root; null leaves the choice out. */
  user: string | null;
  /** nginx's own: pid, logs, temporary files. */
  runDir: string;
  listen: string;
  innerListen: string;
  luaDir: string;
  pagesDir: string;
  serviceServers: string[];
  /** The gateway beside this nginx, the one whose agent it follows: a unix socket's path, or `address:port`. */
  gatewayServer: string;
  orderServers: string[];
  agentSocket: string;
  /** The Redis that holds what the gateway found for the edges: `address:port` or a unix socket's path; null for none. */
  cacheRedis: string | null;
  /** A file with its password in the first line; null for none. */
  cacheRedisPasswordFile: string | null;
  /** Its ACL user; null for the default one. */
  cacheRedisUser: string | null;
  /** TLS to it: the file of the authorities to trust, and the name in its certificate. Null: none. */
  cacheRedisTls: { authorities: string; serverName: string } | null;
  /** SECKILL_TICKET_KEYS_FILE; the master reads it at its start, so root alone may own it. */
  ticketKeysFile: string;
  edgeId: string;
  workers: number;
  limits: EdgeLimits;
  /** Null: plain HTTP, on one machine or behind somebody who speaks TLS with the shoppers. */
  tls: EdgeTls | null;
  /** Addresses or networks (CIDR) of a CDN or load balancer; whom they name in `realIpHeader` is the shopper. */
  trustedProxies: string[];
  realIpHeader: string;
  /** Requests that one address may have with the gateway and order-worker at a time, streams of events included. */
  connectionsPerAddress: number;
  /** The same on the routes that servers call. */
  serverConnections: number;
  /** Origins of pages that may read the public sales, load the custom element, and show our pages in a frame. None: nobody. */
  embedOrigins: string[];
};

/** `listen` speaks TLS then; whoever comes to the plain `listen` is sent to https://`serverName`. The two are files. */
export type EdgeTls = { listen: string; serverName: string; certificate: string; certificateKey: string };
