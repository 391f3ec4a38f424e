import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { renderEdgeConfig, renderTemplates } from './edge-config.ts';
import { defaultEdgeLimits, type EdgeConfigValues } from './edge-values.ts';

let dir: string;
let values: EdgeConfigValues;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edge-config-'));
  values = {
    platform: 'debian',
    user: null,
    runDir: join(dir, 'run'),
    listen: '127.0.0.1:8080',
    innerListen: '127.0.0.1:20123',
    luaDir: '/checkout/nginx-lua/lua',
    pagesDir: '/pages',
    serviceServers: ['/run/service-1.sock', '127.0.0.1:9000'],
    gatewayServer: '/run/gateway.sock',
    orderServers: ['/run/worker-1.sock'],
    agentSocket: '/run/agent.sock',
    cacheRedis: '127.0.0.1:6379',
    cacheRedisPasswordFile: null,
    cacheRedisUser: null,
    cacheRedisTls: null,
    ticketKeysFile: '/run/ticket-keys',
    edgeId: 'edge-1',
    workers: 2,
    limits: defaultEdgeLimits,
    tls: null,
    trustedProxies: [],
    realIpHeader: 'X-Forwarded-For',
    connectionsPerAddress: 100,
    serverConnections: 100,
    embedOrigins: [],
  };
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('every placeholder of every template is filled', async () => {
  const main = await renderEdgeConfig(values, join(dir, 'conf'));
  const files = (await readdir(join(dir, 'conf'), { recursive: true })).filter((name) => /\.(conf|lua)$/.test(name));
  expect(main).toBe(join(dir, 'conf/nginx.conf'));
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) expect(await readFile(join(dir, 'conf', file), 'utf8')).not.toMatch(/\{\{|\}\}|undefined/);
});

const tls = { listen: '0.0.0.0:443', serverName: 'shop.example', certificate: '/a.pem', certificateKey: '/a.key' };

test.each([
  ['plain', null],
  ['TLS', tls],
])('each file that is included for %s is rendered, and no other', async (_, how) => {
  await renderEdgeConfig({ ...values, tls: how }, join(dir, 'conf'));
  const files = (await readdir(join(dir, 'conf'), { recursive: true })).filter((name) => name.endsWith('.conf'));
  const texts = await Promise.all(files.map((name) => readFile(join(dir, 'conf', name), 'utf8')));
  const included = texts.join().matchAll(/include (conf\.d\/.*);/g);
  expect(new Set(files)).toEqual(new Set(['nginx.conf', ...[...included].map(([, name]) => name)]));
});

test('with TLS the public server speaks HTTP/2 over TLS 1.2 and 1.3, and plain HTTP leads to it', async () => {
  await renderEdgeConfig({ ...values, tls }, join(dir, 'conf'));
  const conf = (name: string) => readFile(join(dir, 'conf/conf.d', name), 'utf8');
  expect(await conf('listen-tls.conf')).toMatch(/^listen 0\.0\.0\.0:443 ssl http2 /m);
  expect(await conf('listen-tls.conf')).toContain('ssl_protocols TLSv1.2 TLSv1.3;');
  expect(await conf('redirect.conf')).toContain('return 308 https://shop.example$request_uri;');
  expect(await conf('headers.conf')).toContain('Strict-Transport-Security');
});

test('nobody may embed unless named: then a page of exactly those origins', async () => {
  const files = async (name: string) => {
    const names = (await readdir(join(dir, name), { recursive: true })).filter((file) => file.endsWith('.conf'));
    return (await Promise.all(names.map((file) => readFile(join(dir, name, file), 'utf8')))).join('\n');
  };
  await renderEdgeConfig(values, join(dir, 'closed'));
  expect(await files('closed')).not.toMatch(/embed|Access-Control/);
  expect(await files('closed')).toContain("frame-ancestors 'none'\"");
  const embedOrigins = ['https://www.shop.example', 'http://localhost:3000'];
  await renderEdgeConfig({ ...values, embedOrigins }, join(dir, 'open'));
  expect(await files('open')).toContain('frame-ancestors https://www.shop.example http://localhost:3000"');
  expect(await files('open')).toContain('  "http://localhost:3000" "http://localhost:3000";');
});

test('nobody is believed about addresses unless named', async () => {
  const realIp = () => readFile(join(dir, 'conf/conf.d/real-ip.conf'), 'utf8');
  await renderEdgeConfig(values, join(dir, 'conf'));
  expect(await realIp()).not.toContain('set_real_ip_from');
  await renderEdgeConfig({ ...values, trustedProxies: ['203.0.113.0/24', '2001:db8::/32', '::1'] }, join(dir, 'conf'));
  expect((await realIp()).match(/^set_real_ip_from .*$/gm)).toEqual([
    'set_real_ip_from 203.0.113.0/24;',
    'set_real_ip_from 2001:db8::/32;',
    'set_real_ip_from ::1;',
  ]);
});

test('unix sockets and TCP addresses both become upstream servers', async () => {
  await renderEdgeConfig(values, join(dir, 'conf'));
  const upstreams = await readFile(join(dir, 'conf/conf.d/upstreams.conf'), 'utf8');
  expect(upstreams).toContain('server "unix:/run/service-1.sock" ');
  expect(upstreams).toContain('server "127.0.0.1:9000" ');
});

test('only Debian loads Lua as modules, and only a named user is set', async () => {
  const debian = await readFile(await renderEdgeConfig({ ...values, user: 'root' }, join(dir, 'a')), 'utf8');
  const openresty = await readFile(
    await renderEdgeConfig({ ...values, platform: 'openresty' }, join(dir, 'b')),
    'utf8',
  );
  expect(debian.indexOf('ndk_http_module.so')).toBeLessThan(debian.indexOf('ngx_http_lua_module.so'));
  expect(debian).toMatch(/^user root;$/m);
  expect(openresty).not.toContain('load_module');
  expect(openresty).not.toMatch(/^user /m);
});

test('an unknown placeholder is named, with its file', () => {
  expect(() => renderTemplates({ 'a.conf.template': 'listen {{listn}};' }, { listen: 'x' })).toThrow(
    'a.conf.template names {{listn}}',
  );
});

test('a value that no template uses is named', () => {
  expect(() => renderTemplates({ 'a.conf.template': 'listen {{listen}};' }, { listen: 'x', other: 'y' })).toThrow(
    'no template uses other',
  );
});

test.each([
  ['pagesDir', { pagesDir: '/pa"ges' }],
  ['agentSocket', { agentSocket: "/a'.sock" }],
  ['listen', { listen: '127.0.0.1:80; root /' }],
  ['serviceServers', { serviceServers: [] }],
  ['gatewayServer', { gatewayServer: 'gateway.example:8080' }],
  ['cacheRedis', { cacheRedis: 'redis.example:6379' }],
  ['orderServers', { orderServers: [] }],
  ['workers', { workers: 0 }],
  ['connectionsPerAddress', { connectionsPerAddress: 70_000 }],
  ['trustedProxies', { trustedProxies: ['cdn.example'] }],
  ['trustedProxies', { trustedProxies: ['10.0.0.0/33'] }],
  ['trustedProxies', { trustedProxies: ['10.0.0.0/8/8'] }],
  ['trustedProxies', { trustedProxies: ['10.0.0.0/'] }],
  ['trustedProxies', { trustedProxies: ['0.0.0.0/0'] }],
  ['trustedProxies', { trustedProxies: ['::/0'] }],
  ['embedOrigins', { embedOrigins: ['https://*.shop.example'] }],
  ['embedOrigins', { embedOrigins: ['https://shop.example/"; root /'] }],
  ['realIpHeader', { realIpHeader: 'X Forwarded; For' }],
  ['tls.serverName', { tls: { ...tls, serverName: 'shop.example$uri' } }],
  ['tls.certificate', { tls: { ...tls, certificate: '' } }],
])('refuses a %s that would break the configuration', async (name, wrong) => {
  await expect(renderEdgeConfig({ ...values, ...wrong }, join(dir, 'conf'))).rejects.toThrow(name);
});
