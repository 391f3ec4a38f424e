import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCdnBeforeEdge } from '#lab/servers/cdn-before-edge.ts';

let site: Awaited<ReturnType<typeof startCdnBeforeEdge>>;

beforeAll(async () => {
  site = await startCdnBeforeEdge();
});
afterAll(() => site?.stop());

test('10,000 page views through a CDN cost the origin a handful of requests', async () => {
  const paths = ['/', '/sales/open', '/orders/open-01h00000000000000000000000', ...site.assets];
  const spellings = ['gzip, deflate, br, zstd', 'br;q=1.0, gzip;q=0.8', 'gzip, deflate', 'gzip', 'identity'];
  const from = performance.now();
  let next = 0;
  const statuses = new Set<number>();
  const visitor = async () => {
    while (next < 10_000) {
      const nth = next++;
      const path = paths[nth % paths.length] ?? '/';
      const accept = spellings[Math.floor(nth / paths.length) % spellings.length] ?? '';
      statuses.add((await site.get(`${path}?visitor=${nth}`, { 'accept-encoding': accept })).status);
    }
  };
  await Promise.all(Array.from({ length: 32 }, visitor));
  const seconds = (performance.now() - from) / 1000;
  expect([...statuses]).toEqual([200]);
  // Each file in each of three packings once, and the pages again when their ten seconds are over.
  const fills = paths.length * 3 + 3 * 3 * Math.ceil(seconds / 10);
  expect((await site.originLines()).length).toBeLessThanOrEqual(fills);
  expect(fills).toBeLessThan(150);
});
