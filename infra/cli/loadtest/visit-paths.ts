import { askEdge } from '../../sale-check/edge-answers.ts';
import { edgeAt } from '../../sale-check/reach-edges.ts';

const maxAssets = 2;

/**
 * What a browser asks for when it opens that page: the page, a script and a style that it names, the sale. Throws when
 * the page is not there; `statusCommand` shows the processes to the person who reads that.
 */
export async function visitPaths(
  edgeUrl: string,
  page: string,
  saleId: string,
  statusCommand: string,
): Promise<string[]> {
  const { status, text, says } = await askEdge(edgeAt(edgeUrl), page);
  if (status !== 200) {
    const mend = status === 404 ? 'seckill pages publish' : statusCommand;
    throw new Error(`${says} for ${page}; next: ${mend}`);
  }
  const assets = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+\.(?:js|css))"/g)];
  const paths = assets.map(([, path = '']) => path);
  return [page, ...[...new Set(paths)].slice(0, maxAssets), `/api/sales/${saleId}`];
}
