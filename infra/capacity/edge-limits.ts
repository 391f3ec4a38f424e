import { readFile } from 'node:fs/promises';

/** What one edge can hold, read out of the very templates that it is rendered from. */
export type EdgeLimitsOfNginx = { connectionsPerWorker: number; sharedMemoryMb: number };

export async function readNginxLimits(): Promise<EdgeLimitsOfNginx> {
  const read = (name: string) => readFile(new URL(`../../nginx-lua/${name}`, import.meta.url), 'utf8');
  const [main, lua] = [await read('nginx.conf.template'), await read('conf.d/lua.conf.template')];
  const connections = Number(/worker_connections (\d+);/.exec(main)?.[1]);
  const sizes = [...lua.matchAll(/^lua_shared_dict \w+ (\d+)([km]);/gm)];
  const megabytes = sizes.reduce((sum, [, size, unit]) => sum + Number(size) / (unit === 'k' ? 1024 : 1), 0);
  if (!(connections > 0) || !(megabytes > 0))
    throw new Error('nginx-lua: worker_connections or lua_shared_dict not found');
  return { connectionsPerWorker: connections, sharedMemoryMb: Math.ceil(megabytes) };
}
