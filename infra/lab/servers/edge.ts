import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EdgeOffice } from '#contract/edge-office.ts';
import { type EdgeSale, toEdgeSale } from '#contract/edge-stream.ts';
import { newOrderId } from '#contract/order.ts';
import { type ProblemCode, problemBody, problemContentType } from '#contract/problems.ts';
import type { SaleNode } from '#contract/sale.ts';
import { signTicket, type TicketKey } from '#contract/ticket.ts';
import { saleOfficeOf } from '#gateway/tickets/sale-office.ts';
import { renderEdgeConfig } from '#infra/stack/servers/edge-config.ts';
import {
  defaultEdgeLimits,
  type EdgeConfigValues,
  type EdgeLimits,
  type EdgeTls,
} from '#infra/stack/servers/edge-values.ts';
import { type CountingUpstream, startCountingUpstream } from './counting-upstream.ts';
import { type FakeAgent, startFakeAgent } from './fake-agent.ts';
import { freePort } from './free-port.ts';
import { type NginxOptions, startNginx } from './nginx.ts';

const checkout = join(import.meta.dirname, '../../..');
let started = 0;

export const ticketKeys: TicketKey[] = [
  { id: 'k2', secret: 'the newer secret of the edge tests: 32 or more' },
  { id: 'k1', secret: 'the older secret of the edge tests: 32 or more' },
  { id: 'k0long', secret: 'the oldest is longer than a block of SHA-256: HMAC hashes it first '.repeat(2).trim() },
];

/** What an edge's agent says of the ticket office, unless told otherwise. */
export const edgeOffice: EdgeOffice = {
  challengeSecret: 'the challenge secret of the edge tests: 32 or more',
  sessionSecret: 'the session secret of the edge tests: 32 or more',
  ticketTtlMs: 300_000,
  calmPerSecond: 200,
  signIn: null,
};

export type TestEdge = {
  url: string;
  innerUrl: string;
  port: number;
  /** 0 unless `tls` was asked for. */
  tlsPort: number;
  dir: string;
  pagesDir: string;
  /** Of the master process. */
  pid: number;
  agent: FakeAgent;
  service: CountingUpstream;
  gateway: CountingUpstream;
  /** As if nothing had reached the service and the gateway so far. */
  forgetSeen(): void;
  /** A new agent, service or gateway at the same socket as the one that was stopped. */
  restartAgent(): Promise<void>;
  restartService(): Promise<void>;
  /** Tells nginx to start afresh with the same configuration, or to end. */
  signal(name: 'SIGHUP'): void;
  metrics(): Promise<string>;
  stop(): Promise<void>;
};

export type EdgeChanges = {
  /** Over what a test edge is made with otherwise; a function gets the edge's own directory. */
  values?: Partial<EdgeConfigValues> | ((dir: string) => Partial<EdgeConfigValues>);
  /** An edge that speaks TLS, on a port of its own. */
  tls?: Omit<EdgeTls, 'listen'>;
  /** Called between rendering and start, with the path of nginx.conf; once more when nginx has to start again. */
  beforeStart?: (config: string) => Promise<void>;
  launch?: NginxOptions['launch'];
  /** Ports for nginx, in the place of free ones. */
  nextPort?: () => Promise<number>;
};

/**
 * A real nginx in a directory of its own, with an agent and upstreams that the test controls. `moreServices` are further
 * servers of the service, by socket.
 */
export async function startEdge(
  limits: Partial<EdgeLimits> = {},
  moreServices: string[] = [],
  { values = {}, tls, beforeStart, launch, nextPort = freePort }: EdgeChanges = {},
): Promise<TestEdge> {
  started += 1;
  const dir = join(checkout, '.run', `test-edge-${process.pid}-${started}`);
  const pagesDir = join(dir, 'pages');
  await mkdir(pagesDir, { recursive: true });
  const sockets = { agent: join(dir, 'agent.sock'), service: join(dir, 's.sock'), gateway: join(dir, 'g.sock') };
  const ticketKeysFile = join(dir, 'ticket-keys');
  await writeFile(ticketKeysFile, `${ticketKeys.map(({ id, secret }) => `${id}:${secret}`).join(',')}\n`);

  const agent = await startFakeAgent(sockets.agent);
  const accept: CountingUpstream['answer'] = (_, response) => {
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"place":1}');
  };
  const service = await startCountingUpstream(sockets.service, accept);
  const gateway = await startCountingUpstream(sockets.gateway, ({ url }, response) => {
    if (url.startsWith('/edge/'))
      response.writeHead(404).end(); // no sale but those of the stream
    else response.end('{"from":"gateway"}');
  });
  const ports = { plain: 0, inner: 0, tls: 0 };
  const configure = async () => {
    ports.plain = await nextPort();
    ports.inner = await nextPort();
    if (tls !== undefined) ports.tls = await nextPort();
    const config = await renderEdgeConfig(
      {
        platform: 'debian',
        user: process.getuid?.() === 0 ? 'root' : null,
        runDir: join(dir, 'nginx'),
        listen: `127.0.0.1:${ports.plain}`,
        innerListen: `127.0.0.1:${ports.inner}`,
        luaDir: join(checkout, 'nginx-lua/lua'),
        pagesDir,
        serviceServers: [sockets.service, ...moreServices],
        gatewayServer: sockets.gateway,
        orderServers: [sockets.gateway], // one counting upstream stands for both
        agentSocket: sockets.agent,
        cacheRedis: null,
        cacheRedisPasswordFile: null,
        cacheRedisUser: null,
        cacheRedisTls: null,
        ticketKeysFile,
        edgeId: 'edge-test',
        workers: 2,
        limits: { ...defaultEdgeLimits, ...limits },
        tls: tls === undefined ? null : { listen: `127.0.0.1:${ports.tls}`, ...tls },
        trustedProxies: [],
        realIpHeader: 'X-Forwarded-For',
        connectionsPerAddress: 1000,
        serverConnections: 1000,
        embedOrigins: [],
        ...(typeof values === 'function' ? values(dir) : values),
      },
      join(dir, 'conf'),
    );
    await beforeStart?.(config);
    return config;
  };
  const nginx = await startNginx({
    runDir: join(dir, 'nginx'),
    configure,
    ...(launch !== undefined && { launch }),
  }).catch(async (error: unknown) => {
    await Promise.all([agent.stop(), service.stop(), gateway.stop()]);
    await rm(dir, { recursive: true, force: true });
    throw error;
  });

  const edge: TestEdge = {
    url: `http://127.0.0.1:${ports.plain}`,
    innerUrl: `http://127.0.0.1:${ports.inner}`,
    port: ports.plain,
    tlsPort: ports.tls,
    dir,
    pagesDir,
    pid: nginx.pid,
    agent,
    service,
    gateway,
    forgetSeen() {
      edge.service.seen.length = 0;
      edge.gateway.seen.length = 0;
    },
    async restartAgent() {
      edge.agent = await startFakeAgent(sockets.agent);
    },
    async restartService() {
      edge.service = await startCountingUpstream(sockets.service, accept);
    },
    signal: (name) => void nginx.child.kill(name),
    metrics: async () => (await fetch(`${edge.innerUrl}/metrics`)).text(),
    async stop() {
      await nginx.end();
      await Promise.all([edge.agent.stop(), edge.service.stop(), edge.gateway.stop()]);
      const log = await readFile(join(dir, 'nginx/error.log'), 'utf8');
      await rm(dir, { recursive: true, force: true });
      // A Lua error is a defect even where the shopper got a decent answer.
      if (/\[emerg\]|lua entry thread aborted|failed to run|_by_lua|fault in Lua/.test(log)) throw new Error(log);
    },
  };
  return edge;
}

const hourMs = 3_600_000;

/** A sale as the agent streams it; open from an hour ago to in an hour unless told otherwise. */
export function saleOf(
  saleId: string,
  changes: Partial<SaleNode> & { opensInMs?: number; closesInMs?: number } = {},
): EdgeSale {
  const { opensInMs = -hourMs, closesInMs = hourMs, ...others } = changes;
  const node: SaleNode = {
    saleId,
    title: `Sale "${saleId}" 手机`,
    price: { amount: 199900, currency: 'CNY' },
    challenge: 'quiz',
    state: 'open',
    epoch: 1,
    window: {
      opensAt: new Date(Date.now() + opensInMs).toISOString(),
      closesAt: new Date(Date.now() + closesInMs).toISOString(),
    },
    limits: { perUser: 2 },
    ...others,
  };
  return { ...toEdgeSale(node), office: saleOfficeOf(node) };
}

let users = 0;

/** A ticket of a new user unless told otherwise. */
export function ticketFor(
  saleId: string,
  changes: { userId?: string; expiresInMs?: number; keys?: TicketKey[] } = {},
): string {
  users += 1;
  const { userId = `user-${users}`, expiresInMs = 60_000, keys = ticketKeys } = changes;
  const now = Date.now();
  return signTicket({ orderId: newOrderId(saleId, now), userId, expiresAtMs: now + expiresInMs }, keys);
}

export type EdgeAnswer = { status: number; headers: Headers; text: string };

/** `POST /api/sales/<saleId>/orders`, as a page sends it, with a fresh ticket; `headers` replace, null removes. */
export async function buy(
  edge: TestEdge,
  saleId: string,
  headers: Record<string, string | null> = {},
  body = '{"quantity":1}',
): Promise<EdgeAnswer> {
  const all = { 'content-type': 'application/json', 'seckill-ticket': ticketFor(saleId), ...headers };
  const sent = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null);
  // Bytes, not text: fetch would name a content type of its own.
  return ask(edge, `/api/sales/${saleId}/orders`, { method: 'POST', headers: sent, body: Buffer.from(body) });
}

export async function ask(edge: TestEdge, path: string, init: RequestInit = {}): Promise<EdgeAnswer> {
  const answer = await fetch(`${edge.url}${path}`, init);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** In seconds; 0 when the answer has none. */
export const retryAfter = ({ headers }: { headers: Headers }) => Number(headers.get('retry-after'));

/** What an answer of the edge is when it refuses with `code`: compare with `seenOf`. */
export const refusal = (code: ProblemCode) => ({
  status: problemBody(code).status,
  type: problemContentType,
  body: problemBody(code),
});

export const seenOf = ({ status, headers, text }: EdgeAnswer) => ({
  status,
  type: headers.get('content-type'),
  body: JSON.parse(text) as unknown,
});
