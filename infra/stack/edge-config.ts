import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { edgePlaces } from './edge-places.ts';

const templateDir = join(import.meta.dirname, '../../nginx-lua');
const suffix = '.template';

/** Rates are requests a second, bursts are requests that may come at once. `inFlight` is for all workers together. */
export type EdgeLimits = {
  userPerSecond: number;
  userBurst: number;
  addressPerSecond: number;
  addressBurst: number;
  inFlight: number;
};

/** A local stack gets its whole crowd from one address, so the address limit is out of the way there: lower it elsewhere. */
export const defaultEdgeLimits: EdgeLimits = {
  userPerSecond: 10,
  userBurst: 20,
  addressPerSecond: 100_000,
  addressBurst: 100_000,
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
};

/** `listen` speaks TLS then; whoever comes to the plain `listen` is sent to https://`serverName`. The two are files. */
export type EdgeTls = { listen: string; serverName: string; certificate: string; certificateKey: string };

/** Templates that only one way of listening needs. */
const only: Record<string, 'plain' | 'tls'> = {
  'conf.d/listen-plain.conf.template': 'plain',
  'conf.d/listen-tls.conf.template': 'tls',
  'conf.d/redirect.conf.template': 'tls',
};

/**
 * Renders nginx-lua's templates into `outDir` and returns the path of its nginx.conf.
 * Throws on a value that could break out of its quotes, on a placeholder without a value and on a value without a place.
 */
export async function renderEdgeConfig(values: EdgeConfigValues, outDir: string): Promise<string> {
  const way = values.tls === null ? 'plain' : 'tls';
  const names = (await templateNames()).filter((name) => (only[name] ?? way) === way);
  const templates: Record<string, string> = {};
  for (const name of names) templates[name] = await readFile(join(templateDir, name), 'utf8');
  const rendered = renderTemplates(templates, edgePlaces(values, outDir));

  await mkdir(values.runDir, { recursive: true });
  for (const [name, text] of Object.entries(rendered)) {
    const path = join(outDir, name.slice(0, -suffix.length));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return join(outDir, 'nginx.conf');
}

/** Fills the `{{name}}`s of all templates, by file name; throws unless names and places match exactly. */
export function renderTemplates(
  templates: Readonly<Record<string, string>>,
  places: Readonly<Record<string, string>>,
): Record<string, string> {
  const unused = new Set(Object.keys(places));
  const rendered: Record<string, string> = {};
  for (const [file, template] of Object.entries(templates)) {
    rendered[file] = template.replaceAll(/\{\{(.*?)\}\}/g, (_, name: string) => {
      const value = places[name];
      if (value === undefined) throw new Error(`edge configuration: ${file} names {{${name}}}, which has no value`);
      unused.delete(name);
      return value;
    });
  }
  if (unused.size > 0) throw new Error(`edge configuration: no template uses ${[...unused].join(', ')}`);
  return rendered;
}

async function templateNames(): Promise<string[]> {
  const inConfD = (await readdir(join(templateDir, 'conf.d'))).map((name) => join('conf.d', name));
  return [...(await readdir(templateDir)), ...inConfD].filter((name) => name.endsWith(suffix)).sort();
}
