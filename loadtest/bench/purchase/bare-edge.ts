import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SaleKeys, saleKeys } from '#contract/redis-keys.ts';
import { poll } from '#lab/poll.ts';

const script = new URL('../../../seckill-service/stock/scripts/reserve.lua', import.meta.url);
const service = join(import.meta.dirname, 'bare-service.ts');

/** nginx with one `proxy_pass` and as many workers as ours, and behind it as many bare services as ours has. */
export async function startBareEdge(options: {
  dir: string;
  port: number;
  workers: number;
  services: number;
  redisUrl: string;
  saleId: string;
}): Promise<{ url: string; stop: () => Promise<void> }> {
  const { dir, port, workers, services, redisUrl, saleId } = options;
  await mkdir(dir, { recursive: true });
  const lua = await readFile(script, 'utf8');
  // The script's header names its keys in order; scripts.test.ts holds the two together.
  const names = [...lua.matchAll(/^-- KEYS\[\d+\] (\w+)/gm)].map(([, name]) => name as keyof SaleKeys);
  const keys = names.map((name) => saleKeys(saleId)[name]);
  const children: ChildProcess[] = [];
  const stop = async () => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  };
  const sockets = Array.from({ length: services }, (_, nth) => join(dir, `bare-${nth}.sock`));
  try {
    for (const socket of sockets) {
      const args = [service, socket, redisUrl, saleId, lua, ...keys];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      await once(child.stdout, 'data');
    }
    await writeFile(
      join(dir, 'nginx.conf'),
      `${process.getuid?.() === 0 ? 'user root;' : ''}
       daemon off; worker_processes ${workers}; pid "${dir}/nginx.pid"; error_log "${dir}/error.log" warn;
       events { worker_connections 4096; }
       http {
         access_log off; keepalive_requests 1000000000;
         ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path "${dir}/${name}";`).join(' ')}
         upstream bare { ${sockets.map((socket) => `server "unix:${socket}";`).join(' ')} keepalive 128; }
         server {
           listen 127.0.0.1:${port};
           location / { proxy_pass http://bare; proxy_http_version 1.1; proxy_set_header Connection ""; }
         }
       }\n`,
    );
    children.push(spawn('nginx', ['-e', join(dir, 'error.log'), '-c', join(dir, 'nginx.conf')], { stdio: 'inherit' }));
    const url = `http://127.0.0.1:${port}`;
    await poll('the bare nginx answers', () =>
      fetch(url, { method: 'GET' }).then(
        () => true,
        () => false,
      ),
    );
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
