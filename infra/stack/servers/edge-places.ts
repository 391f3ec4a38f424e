import { isIP } from 'node:net';
import { embedOriginSchema } from '#contract/embed-origins.ts';
import type { EdgeConfigValues } from './edge-values.ts';

/** What limit_conn can count to. */
const maxConnections = 65_535;

/**
 * The limits of an IPv6 site (/56), as a multiple of those of one address. A site is more than one shopper: a phone network
 * gives neighbouring /64s to strangers, and one home has 256 of them. For the rates: SITE_SHARE in
 * nginx-lua/lua/seckill/limits.lua.
 */
export const siteShare = 8;

/**
 * What stands at each `{{name}}` of the edge's templates. Throws on a value that could break out of its quotes, or that
 * nginx or Lua would not understand.
 */
export function edgePlaces(values: EdgeConfigValues, outDir: string): Record<string, string> {
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
    serviceServers: ownServers('serviceServers', values.serviceServers),
    serviceLinks: linked(values.serviceServers),
    gateway: addressed('gatewayServer', values.gatewayServer),
    orderServers: ownServers('orderServers', values.orderServers),
    agentSocket: safe('agentSocket', values.agentSocket),
    cacheRedis: values.cacheRedis === null ? '' : addressed('cacheRedis', values.cacheRedis),
    cacheRedisPasswordFile:
      values.cacheRedisPasswordFile === null ? '' : safe('cacheRedisPasswordFile', values.cacheRedisPasswordFile),
    cacheRedisUser: values.cacheRedisUser === null ? '' : safe('cacheRedisUser', values.cacheRedisUser),
    ...cacheTlsPlaces(values.cacheRedisTls),
    ticketKeysFile: safe('ticketKeysFile', values.ticketKeysFile),
    edgeId: safe('edgeId', values.edgeId),
    workers: positive('workers', values.workers),
    trustedProxies: values.trustedProxies.map((network) => `set_real_ip_from ${trusted(network)};`).join('\n'),
    realIpHeader: headerName('realIpHeader', values.realIpHeader),
    connectionsPerAddress: positive('connectionsPerAddress', values.connectionsPerAddress, maxConnections),
    connectionsPerSite: String(Math.min(maxConnections, siteShare * values.connectionsPerAddress)),
    serverConnections: positive('serverConnections', values.serverConnections, maxConnections),
    serverConnectionsPerSite: String(Math.min(maxConnections, siteShare * values.serverConnections)),
    userPerSecond: positive('userPerSecond', limits.userPerSecond),
    userBurst: positive('userBurst', limits.userBurst),
    addressPerSecond: positive('addressPerSecond', limits.addressPerSecond),
    addressBurst: positive('addressBurst', limits.addressBurst),
    serverPerSecond: positive('serverPerSecond', limits.serverPerSecond),
    serverBurst: positive('serverBurst', limits.serverBurst),
    inFlight: positive('inFlight', limits.inFlight),
    ...tlsPlaces(values.tls),
    ...embedPlaces(values.embedOrigins),
  };
}

function cacheTlsPlaces(tls: EdgeConfigValues['cacheRedisTls']): Record<string, string> {
  if (tls === null) return { cacheRedisName: '', cacheRedisTrust: '' };
  const file = safe('cacheRedisTls.authorities', tls.authorities);
  return {
    cacheRedisName: safe('cacheRedisTls.serverName', tls.serverName),
    cacheRedisTrust: `lua_ssl_trusted_certificate "${file}";\nlua_ssl_verify_depth 3;`,
  };
}

function tlsPlaces(tls: EdgeConfigValues['tls']): Record<string, string> {
  if (tls === null) return { listener: 'listen-plain', redirect: '', hsts: '' };
  return {
    listener: 'listen-tls',
    redirect: 'include conf.d/redirect.conf;',
    hsts: 'add_header Strict-Transport-Security "max-age=31536000" always;',
    tlsListen: safe('tls.listen', tls.listen),
    certificate: safe('tls.certificate', tls.certificate),
    certificateKey: safe('tls.certificateKey', tls.certificateKey),
    serverName: hostName('tls.serverName', tls.serverName),
  };
}

/** By default not a byte of the configuration differs from that of an edge that knows of no embedding. */
function embedPlaces(origins: readonly string[]): Record<string, string> {
  if (origins.length === 0) return { embedMap: '', embedCors: '', embedScript: '', frameAncestors: "'none'" };
  for (const origin of origins) {
    const problem = embedOriginSchema.safeParse(origin).error?.issues[0];
    if (problem !== undefined) throw refuse(`embedOrigins ${problem.message}`);
  }
  const header = (line: string) => `\n  add_header ${line} always;`;
  return {
    embedMap: [
      '\n\n# Whose page may read the public sales: exactly these origins. For all others there is no header.',
      'map $http_origin $seckill_embed_origin {',
      '  default "";',
      ...origins.map((origin) => `  "${origin}" "${origin}";`),
      '}',
    ].join('\n'),
    embedCors: header('Access-Control-Allow-Origin $seckill_embed_origin') + header('Vary Origin'),
    embedScript: '\n    include conf.d/embed.conf;',
    frameAncestors: origins.join(' '),
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

const refuse = (text: string) => new Error(`edge configuration: ${text}`);

// One failed connection takes a server out for a second: a machine that is gone would cost every purchase the connect
// timeout. A lone server is always asked. So is each of several when all are out, as their own backups: the one that was
// started again a moment ago is one of them.
function ownServers(name: string, addresses: readonly string[]): string {
  if (addresses.length === 0) throw refuse(`${name} is empty`);
  const all = addresses.map((address) => server(name, address));
  const first = all.map((it) => `server ${it} max_fails=1 fail_timeout=1s;`);
  const again = all.length === 1 ? [] : all.map((it) => `server ${it} max_fails=0 backup;`);
  return [...first, ...again].join('\n  ');
}

function server(name: string, address: string): string {
  return `"${safe(name, address.startsWith('/') ? `unix:${address}` : address)}"`;
}

/**
 * Services as Lua connects to them. None where one of them has a name: behind that may stand several, and a link would keep to
 * one of them. Over HTTP nginx knows the name.
 */
function linked(addresses: readonly string[]): string {
  const isAddress = (it: string) => it.startsWith('/') || isIP(hostOf(it) ?? '') !== 0;
  if (!addresses.every(isAddress)) return '';
  return addresses.map((it) => `'${addressed('serviceServers', it)}'`).join(', ');
}

const hostOf = (address: string) => /^\[?([^\]]+?)\]?:\d{1,5}$/.exec(address)?.[1];

/** Lua connects without a resolver: a unix socket, or an address that is one already. */
function addressed(name: string, address: string): string {
  if (address.startsWith('/')) return safe(name, `unix:${address}`);
  const host = hostOf(address);
  if (host === undefined || isIP(host) === 0) {
    throw refuse(`${name} must be an IP address with a port, or a unix socket's path: ${address}`);
  }
  return address;
}

/** An address or a network as CIDR. One that holds everybody would let everybody name an address for themselves. */
function trusted(network: string): string {
  const [address = '', bits, ...rest] = network.split('/');
  const family = isIP(address);
  const most = family === 6 ? 128 : 32;
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (family === 0 || rest.length > 0 || prefix < 0 || prefix > most) {
    throw refuse(`trustedProxies must be addresses or networks such as 203.0.113.0/24 or 2001:db8::/32: ${network}`);
  }
  if (prefix === 0) throw refuse(`trustedProxies may not be everybody: ${network}`);
  return network;
}

function headerName(name: string, value: string): string {
  if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(value)) {
    throw refuse(`${name} must be a header's name, such as X-Forwarded-For: ${JSON.stringify(value)}`);
  }
  return value;
}

function hostName(name: string, value: string): string {
  if (!/^[a-z0-9.-]+(:\d{1,5})?$/.test(value)) {
    throw refuse(`${name} must be a host name in lower case, such as shop.example: ${JSON.stringify(value)}`);
  }
  return value;
}

/** Values stand inside quotes in nginx and Lua files: what ends a quote or starts a variable is refused. */
function safe(name: string, value: string): string {
  if (value === '' || /["'\\$;{}\r\n]/.test(value)) {
    throw refuse(`${name} may not be empty nor hold quotes, \\, $, ; or braces: ${JSON.stringify(value)}`);
  }
  return value;
}

function positive(name: string, value: number, most = Number.MAX_SAFE_INTEGER): string {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw refuse(`${name} must be a whole number above 0${most < 1e9 ? `, at most ${most}` : ''}`);
  }
  return String(value);
}
