const mostAssets = 2;

/**
 * What a browser asks for when it opens that page: the page, a script and a style that it names, the sale. Throws when
 * the page is not there.
 */
export async function visitPaths(edgeUrl: string, page: string, saleId: string): Promise<string[]> {
  const response = await fetch(new URL(page, edgeUrl), { signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`${edgeUrl}${page} answered ${response.status}: run "seckill pages publish"`);
  const assets = [...(await response.text()).matchAll(/(?:src|href)="(\/assets\/[^"]+\.(?:js|css))"/g)];
  const paths = assets.map(([, path = '']) => path);
  return [page, ...[...new Set(paths)].slice(0, mostAssets), `/api/sales/${saleId}`];
}
