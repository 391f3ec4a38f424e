import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defaultEdgeLimits, type EdgeConfigValues, renderEdgeConfig, renderTemplates } from './edge-config.ts';

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
    agentSocket: '/run/agent.sock',
    ticketKeysFile: '/run/ticket-keys',
    edgeId: 'edge-1',
    workers: 2,
    limits: defaultEdgeLimits,
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

test('each file that nginx.conf includes is rendered, and no other', async () => {
  const text = await readFile(await renderEdgeConfig(values, join(dir, 'conf')), 'utf8');
  const included = [...text.matchAll(/include conf\.d\/(.*);/g)].map(([, name]) => name);
  expect((await readdir(join(dir, 'conf/conf.d'))).sort()).toEqual(included.sort());
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
  ['workers', { workers: 0 }],
])('refuses a %s that would break the configuration', async (name, wrong) => {
  await expect(renderEdgeConfig({ ...values, ...wrong }, join(dir, 'conf'))).rejects.toThrow(name);
});
