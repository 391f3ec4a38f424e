import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { findProgram, requireProgram } from '../host/binaries.ts';
import { type EdgePlan, instances, type StackPlan } from '../plan/plan.ts';
import { redisPasswordFile, ticketKeysFile } from '../plan/secrets.ts';
import type { Server } from '../plan/servers.ts';
import { httpCheck } from '../supervise/health.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';
import { renderEdgeConfig } from './edge-config.ts';
import { defaultEdgeLimits } from './edge-values.ts';

const debianLuaModule = '/usr/lib/nginx/modules/ngx_http_lua_module.so';

export function edgeServer(plan: StackPlan, edge: EdgePlan): ProcessSpec {
  const { name, listen, innerListen, configDir } = edge;
  // nginx's own folder: its pid file, purchases and temporary files.
  const runDir = plan.dir.data(name);
  const { platform, nginx } = findNginx(plan.searchPath);
  const cores = availableParallelism();
  return {
    role: 'edge',
    name,
    address: `http://${listen}`,
    innerUrl: `http://${innerListen}`,
    portName: `${name}-inner`,
    after: ['gateway'],
    line: {
      command: nginx,
      args: ['-e', 'stderr', '-c', join(configDir, 'nginx.conf'), '-p', runDir],
    },
    environment: plan.baseEnvironment,
    cwd: plan.dir.root,
    prepare: async () => {
      await mkdir(runDir, { recursive: true, mode: 0o700 });
      await renderEdgeConfig(
        {
          platform,
          user: process.getuid?.() === 0 ? 'root' : null,
          runDir,
          listen,
          innerListen,
          luaDir: join(plan.checkout, 'nginx-lua', 'lua'),
          pagesDir: plan.dir.pages,
          serviceServers: instances.services(plan.services).map(plan.dir.socket),
          gatewayServer: plan.dir.socket(edge.gateway),
          orderServers: [plan.dir.socket(instances.worker)],
          agentSocket: edge.agentSocket,
          // Cached sales may be lost at any time, and nothing of the crowd should come near stock Redis.
          cacheRedis: `127.0.0.1:${cacheOf(plan).port}`,
          cacheRedisPasswordFile: redisPasswordFile(plan.dir, 'queue-redis'),
          cacheRedisUser: null,
          cacheRedisTls: null,
          ticketKeysFile: ticketKeysFile(plan.dir),
          edgeId: edge.edgeId,
          // On two cores the service and the servers need the other one.
          workers: cores <= 2 ? 1 : Math.min(4, Math.floor(cores / 2)),
          limits: defaultEdgeLimits,
          tls: null,
          trustedProxies: [],
          realIpHeader: 'X-Forwarded-For',
          connectionsPerAddress: 20_000,
          serverConnections: 1000,
          embedOrigins: plan.settings.SECKILL_EMBED_ORIGINS?.split(',') ?? [],
        },
        configDir,
      );
    },
    growing: { file: join(runDir, 'purchases.log'), reopenBy: 'SIGUSR1' },
    check: httpCheck(`http://${innerListen}/readyz`),
  };
}

/** nginx reads one Redis, a replica as well as a primary: it knows no sentinel. */
function cacheOf(plan: StackPlan): Server {
  const [first] = plan.servers('queue-redis');
  if (first === undefined) throw new Error('the plan has no queue Redis');
  return first;
}

/** Debian's nginx with its Lua module, else OpenResty. */
function findNginx(searchPath: string): { platform: 'debian' | 'openresty'; nginx: string } {
  if (existsSync(debianLuaModule)) return { platform: 'debian', nginx: requireProgram('nginx', searchPath) };
  const openresty = findProgram('openresty', searchPath);
  return { platform: 'openresty', nginx: openresty ?? requireProgram('nginx with ngx_lua, or openresty,', searchPath) };
}
