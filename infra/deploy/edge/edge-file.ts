import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { embedOriginSchema } from '#contract/embed-origins.ts';
import { ConfigError } from '#runtime/config.ts';
import { withDeadline } from '#runtime/deadline.ts';
import { readJsonFile } from '#runtime/files/json-file.ts';
import { FileProblem } from '#runtime/files/regular-file.ts';
import { defaultEdgeLimits, type EdgeConfigValues } from '../../stack/servers/edge-values.ts';

const text = z.string().min(1);
const path = z.string().regex(/^\//, 'must be an absolute path');
const count = z.number().int().positive();
/** A string that holds white space, a list, a number that is none: all refused with the key's name. */
const server = z
  .string()
  .regex(/^(\/\S+|[^\s/]+:\d{1,5})$/, 'must be host:port, or the absolute path of a unix socket');
const listener = z.string().regex(/^[A-Za-z0-9.:[\]-]+:\d{1,5}$/, 'must be address:port');

/** What an operator writes about an edge that no local stack starts. Every value: infra/stack/servers/edge-config.ts. */
export const edgeFileSchema = z.strictObject({
  platform: z.enum(['debian', 'openresty']).default('debian'),
  user: text.nullable().default(null),
  edgeId: z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 of a-z, 0-9 and hyphen'),
  runDir: path,
  listen: listener,
  innerListen: listener,
  luaDir: path.default(join(import.meta.dirname, '../../../nginx-lua/lua')),
  pagesDir: path,
  serviceServers: z.array(server).min(1),
  gatewayServer: server,
  orderServers: z.array(server).min(1),
  agentSocket: path,
  cacheRedis: server.nullable().default(null),
  cacheRedisPasswordFile: path.nullable().default(null),
  cacheRedisUser: text.nullable().default(null),
  /** `serverName`, the name in its certificate, is the name in `cacheRedis` unless it is given. */
  cacheRedisTls: z.strictObject({ authorities: path, serverName: text.optional() }).nullable().default(null),
  ticketKeysFile: path,
  workers: count,
  limits: z.strictObject({
    userPerSecond: count.default(defaultEdgeLimits.userPerSecond),
    userBurst: count.default(defaultEdgeLimits.userBurst),
    // No default: that of a local stack, where the whole crowd has one address, would be no limit.
    addressPerSecond: count,
    addressBurst: count,
    serverPerSecond: count.default(defaultEdgeLimits.serverPerSecond),
    serverBurst: count.default(defaultEdgeLimits.serverBurst),
    inFlight: count.default(defaultEdgeLimits.inFlight),
  }),
  tls: z
    .strictObject({ listen: listener, serverName: text, certificate: path, certificateKey: path })
    .nullable()
    .default(null),
  trustedProxies: z.array(text).default([]),
  realIpHeader: text.default('X-Forwarded-For'),
  connectionsPerAddress: count.max(65_535).default(200),
  serverConnections: count.max(65_535).default(1000),
  embedOrigins: z.array(embedOriginSchema).default([]),
});

export type EdgeFileChanges = { edgeId?: string; serverName?: string };

/**
 * Reads an edge's file; `changes` come from the command line, for what differs from one edge to the next. A name in
 * `cacheRedis` is looked up here: Lua connects without a resolver. Throws {@link ConfigError} with every problem.
 * `onNoAddress` takes the problem of a name that this machine does not know; `cacheRedis` is then null.
 */
export async function readEdgeFile(
  file: string,
  changes: EdgeFileChanges = {},
  onNoAddress?: (problem: string) => void,
): Promise<EdgeConfigValues> {
  const given = await readJson(file);
  const { edgeId, serverName } = changes;
  const changed = {
    ...given,
    ...(edgeId === undefined ? {} : { edgeId }),
    ...(serverName === undefined ? {} : { tls: withServerName(file, given.tls, serverName) }),
  };
  const result = edgeFileSchema.safeParse(changed);
  if (!result.success) {
    throw new ConfigError(result.error.issues.map((issue) => `${file}: ${issue.path.join('.')} ${issue.message}`));
  }
  const { cacheRedis, cacheRedisTls, ...others } = result.data;
  return {
    ...others,
    cacheRedis: await looked(file, cacheRedis, onNoAddress),
    cacheRedisTls:
      cacheRedisTls === null ? null : { ...cacheRedisTls, serverName: nameOf(file, cacheRedis, cacheRedisTls) },
  };
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  try {
    const value = await readJsonFile(file);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch (error) {
    if (error instanceof FileProblem) throw new ConfigError([`${file} ${error.message}`]);
    throw new ConfigError([`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`]);
  }
  throw new ConfigError([`${file} must hold one JSON object`]);
}

function withServerName(file: string, tls: unknown, serverName: string): unknown {
  if (typeof tls === 'object' && tls !== null) return { ...tls, serverName };
  throw new ConfigError([`${file} has no tls, so there is no use for a server name`]);
}

/** What the certificate of the cache Redis must be for. nginx compares names, not addresses. */
function nameOf(file: string, server: string | null, { serverName }: { serverName?: string | undefined }): string {
  const host = serverName ?? (server?.startsWith('/') === false ? server.slice(0, server.lastIndexOf(':')) : '');
  if (host !== '' && isIP(host.replace(/^\[|\]$/g, '')) === 0) return host;
  throw new ConfigError([`${file}: cacheRedisTls needs a serverName: cacheRedis is no name`]);
}

async function looked(
  file: string,
  server: string | null,
  onNoAddress?: (problem: string) => void,
): Promise<string | null> {
  if (server === null || server.startsWith('/')) return server;
  const colon = server.lastIndexOf(':');
  const host = server.slice(0, colon).replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0) return server;
  try {
    const { address, family } = await withDeadline(lookup(host), 3000, `looking up ${host}`);
    return `${family === 6 ? `[${address}]` : address}${server.slice(colon)}`;
  } catch {
    const problem = `${file}: cacheRedis names ${host}, which has no address`;
    if (onNoAddress === undefined) throw new ConfigError([`${problem}: correct it, or set it to null`]);
    onNoAddress(problem);
    return null;
  }
}
