import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { startNginx } from './nginx.ts';

const template = join(import.meta.dirname, '../../deploy/cdn/nginx.conf.template');

/** A second nginx, which caches what an edge lets it: infra/deploy/cdn/nginx.conf.template, as it is. */
export async function startCdn(dir: string, origin: string): Promise<{ url: string; stop(): Promise<void> }> {
  await mkdir(dir, { recursive: true });
  const text = await readFile(template, 'utf8');
  const config = join(dir, 'nginx.conf');
  let listen = '';
  const configure = async () => {
    listen = `127.0.0.1:${await freePort()}`;
    const userLine = process.getuid?.() === 0 ? 'user root;' : '';
    const places: Record<string, string> = { listen, origin, dir, userLine };
    await writeFile(
      config,
      text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => places[name] ?? ''),
    );
    return config;
  };
  const nginx = await startNginx({ runDir: dir, configure });
  return { url: `http://${listen}`, stop: () => nginx.end() };
}
