import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Pool } from 'undici';
import { publishPages } from '#gateway/pages/publish.ts';
import { testingSale } from '#gateway/pages/testing-sale.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { startCdn } from './cdn.ts';
import { saleOf, startEdge } from './edge.ts';

/**
 * An edge with the sale `open` and its pages, and a caching proxy before it. The edge writes down what reaches it.
 * `pageSeconds`: how long the proxy keeps a page; ten seconds without it.
 */
export async function startCdnBeforeEdge({ pageSeconds = 10 }: { pageSeconds?: number } = {}) {
  let accessLog = '';
  const edge = await startEdge({}, [], {
    values: { trustedProxies: ['127.0.0.1'] },
    beforeStart: async (config) => {
      const confD = join(dirname(config), 'conf.d');
      accessLog = join(dirname(config), '../access.log');
      await change(join(confD, 'logging.conf'), /$/, `\naccess_log "${accessLog}";\n`);
      await change(join(confD, 'page-headers.conf'), /s-maxage=10,/, `s-maxage=${pageSeconds},`);
    },
  });
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open'), saleOf('s-sum')] });
  const now = new Date();
  const { files } = await publishPages({ sales: async () => [testingSale('open', now)], pagesDir: edge.pagesDir, now });
  const cdn = await startCdn(temporaryDirectory('cdn'), `127.0.0.1:${edge.port}`);
  const pool = new Pool(cdn.url, { connections: 32 });
  return {
    edge,
    pool,
    /** Paths of every asset. */
    assets: files.filter((file) => file.startsWith('assets/')).map((file) => `/${file}`),
    /** What has reached the edge so far. */
    originLines: async () => (await readFile(accessLog, 'utf8')).split('\n').filter((line) => line !== ''),
    async get(path: string, headers: Record<string, string> = {}) {
      const answer = await pool.request({ method: 'GET', path, headers });
      await answer.body.dump();
      return { status: answer.statusCode, headers: answer.headers };
    },
    async stop(): Promise<void> {
      await pool.close();
      await cdn.stop();
      await edge.stop();
    },
  };
}

async function change(file: string, what: RegExp, to: string): Promise<void> {
  const before = await readFile(file, 'utf8');
  const after = before.replace(what, to);
  if (after === before && !what.test(before)) throw new Error(`${file} has nothing like ${what.source}`);
  await writeFile(file, after);
}
