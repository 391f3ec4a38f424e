import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

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
  gatewayServer: string;
  agentSocket: string;
  /** A file with the text of SECKILL_TICKET_KEYS; the master reads it, so root alone may own it. */
  ticketKeysFile: string;
  edgeId: string;
  workers: number;
  limits: EdgeLimits;
};

/**
 * Renders nginx-lua's templates into `outDir` and returns the path of its nginx.conf.
 * Throws on a value that could break out of its quotes, on a placeholder without a value and on a value without a place.
 */
export async function renderEdgeConfig(values: EdgeConfigValues, outDir: string): Promise<string> {
  const templates: Record<string, string> = {};
  for (const name of await templateNames()) templates[name] = await readFile(join(templateDir, name), 'utf8');
  const rendered = renderTemplates(templates, placeholders(values, outDir));

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

function placeholders(values: EdgeConfigValues, outDir: string): Record<string, string> {
  const { limits } = values;
  return {
    platform: values.platform,
    userLine: values.user === null ? '' : `user ${safe('user', values.user)};`,
    loadModules: loadModules[values.platform],
    outDir: safe('outDir', outDir),
    runDir: safe('runDir', values.runDir),
    listen: safe('listen', values.listen),
    innerListen: safe('innerListen', values.innerListen),
    luaDir: safe('luaDir', values.luaDir),
    pagesDir: safe('pagesDir', values.pagesDir),
    serviceServers: serviceServers(values.serviceServers),
    gatewayServer: server('gatewayServer', values.gatewayServer),
    agentSocket: safe('agentSocket', values.agentSocket),
    ticketKeysFile: safe('ticketKeysFile', values.ticketKeysFile),
    edgeId: safe('edgeId', values.edgeId),
    workers: positive('workers', values.workers),
    userPerSecond: positive('userPerSecond', limits.userPerSecond),
    userBurst: positive('userBurst', limits.userBurst),
    addressPerSecond: positive('addressPerSecond', limits.addressPerSecond),
    addressBurst: positive('addressBurst', limits.addressBurst),
    inFlight: positive('inFlight', limits.inFlight),
  };
}

// Debian builds Lua as modules, and they need each other in this order; OpenResty has it inside.
const loadModules = {
  debian: [
    'load_module /usr/lib/nginx/modules/ndk_http_module.so;',
    'load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;',
  ].join('\n'),
  openresty: '',
} as const satisfies Record<EdgeConfigValues['platform'], string>;

// One failed connection takes a server out for a second; a lone server is always asked.
function serviceServers(addresses: readonly string[]): string {
  if (addresses.length === 0) throw new Error('edge configuration: serviceServers is empty');
  return addresses
    .map((address) => `server ${server('serviceServers', address)} max_fails=1 fail_timeout=1s;`)
    .join('\n  ');
}

function server(name: string, address: string): string {
  return `"${safe(name, address.startsWith('/') ? `unix:${address}` : address)}"`;
}

/** Values stand inside quotes in nginx and Lua files: what ends a quote or starts a variable is refused. */
function safe(name: string, value: string): string {
  if (value === '' || /["'\\$;{}\r\n]/.test(value)) {
    throw new Error(
      `edge configuration: ${name} may not be empty nor hold quotes, \\, $, ; or braces: ${JSON.stringify(value)}`,
    );
  }
  return value;
}

function positive(name: string, value: number): string {
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`edge configuration: ${name} must be a whole number above 0`);
  return String(value);
}
