import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '../poll.ts';
import { freePort } from './edge.ts';

const template = join(import.meta.dirname, '../../deploy/cdn/nginx.conf.template');

/** A second nginx, which caches what an edge lets it: infra/deploy/cdn/nginx.conf.template, as it is. */
export async function startCdn(dir: string, origin: string): Promise<{ url: string; stop(): Promise<void> }> {
  await mkdir(dir, { recursive: true });
  const listen = `127.0.0.1:${await freePort()}`;
  const userLine = process.getuid?.() === 0 ? 'user root;' : '';
  const places: Record<string, string> = { listen, origin, dir, userLine };
  const text = (await readFile(template, 'utf8')).replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => places[name] ?? '');
  await writeFile(join(dir, 'nginx.conf'), text);
  const nginx = spawn('nginx', ['-e', join(dir, 'error.log'), '-c', join(dir, 'nginx.conf')], { stdio: 'inherit' });
  const kill = () => nginx.kill('SIGKILL');
  process.on('exit', kill);
  const ended = once(nginx, 'exit');
  await poll('the caching proxy listens', () =>
    fetch(`http://${listen}/none`).then(
      () => true,
      () => false,
    ),
  );
  return {
    url: `http://${listen}`,
    async stop() {
      nginx.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
    },
  };
}
