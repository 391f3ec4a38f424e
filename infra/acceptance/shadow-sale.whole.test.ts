import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { publicSaleSchema, publicSalesSchema } from '#contract/sale.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import { newSaleId, openSale, seckillJson } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { type Connections, openConnections } from '../cli/kit/connections.ts';
import { closeShadowSale, openShadowSale } from '../cli/loadtest/shadow-sale.ts';

const stack = inject('stack');
const saleId = newSaleId('real');
const shadowId = newSaleId(`${shadowSalePrefix}real`);
let connections: Connections;
let pagesDir: string;

beforeAll(async () => {
  pagesDir = await mkdtemp(join(tmpdir(), 'shadow-pages-'));
  connections = await openConnections(stack.env);
  await openSale(stack.env, { saleId, units: 1 });
  await openShadowSale(connections, { saleId: shadowId, units: 1 }, Date.now());
});
afterAll(async () => {
  await closeShadowSale(connections, shadowId);
  await connections.close();
  await rm(pagesDir, { recursive: true });
});

const ask = async (path: string): Promise<unknown> => (await fetch(`${stack.edgeUrl}${path}`)).json();

test('the sale of a running load test stands in no list that a shopper sees, and is found by its id', async () => {
  // An edge may still be about to hear of it.
  await poll(
    'it to be found',
    async () => publicSaleSchema.safeParse(await ask(`/api/sales/${shadowId}`)).data?.state === 'open',
  );
  const { sales } = publicSalesSchema.parse(await ask('/api/sales'));
  const listed = sales.map((sale) => sale.saleId);
  expect(listed).toContain(saleId);
  expect(listed).not.toContain(shadowId);
});

test('the pages that are published while it runs know nothing of it', async () => {
  const { files } = await seckillJson<{ files: string[] }>(
    { ...stack.env, SECKILL_PAGES_DIR: pagesDir },
    ...['pages', 'publish'],
  );
  expect(files).toContain(`sales/${saleId}.html`);
  expect(files).not.toContain(`sales/${shadowId}.html`);
  const list = await readFile(join(pagesDir, 'index.html'), 'utf8');
  expect(list).toContain(saleId);
  expect(list).not.toContain(shadowId);
});
