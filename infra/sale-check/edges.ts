import type { EdgeNode } from '#contract/edge-stream.ts';
import { buildAssets } from '#gateway/pages/assets.ts';
import { ownBrand } from '#gateway/pages/brand.ts';
import { counted } from '#runtime/counted.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { edgesInStep, readEdges } from '#sales/edges.ts';
import { type KeyHolder, readKeyHolders } from '#sales/key-holders.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import { type AskedEdge, askEdge, problemCode, readEdgeSale } from './edge-answers.ts';
import { type Found, fail, pass, warn } from './finding.ts';

const followWithinMs = 1000;

/** By what ZooKeeper knows of each edge: connected, hearing, not in maintenance, at the sale's epoch. */
export async function checkEdgeNodes(
  zookeeper: ZooKeeper,
  saleId: string,
  stock: StockSale | null,
  reached: readonly AskedEdge[],
): Promise<Found[]> {
  const { behind } = await edgesInStep(zookeeper, saleId, stock?.epoch ?? 0, followWithinMs);
  const edges = await readEdges(zookeeper);
  if (edges.length === 0) return [fail('no edge is connected', 'seckill status')];
  const found = edges.flatMap((edge) => troubleOf(edge, behind, saleId, stock));
  const newest = Math.max(...edges.map(({ settingsVersion }) => settingsVersion));
  for (const { edgeId, settingsVersion } of edges) {
    if (settingsVersion < newest) {
      found.push(fail(`${edgeId} obeys settings ${settingsVersion}, others ${newest}`, 'seckill edge show'));
    }
  }
  if (edges.length > reached.length && reached.length > 0) {
    const says = `${edges.length} edges are connected, and ${reached.length} of them can be asked from here`;
    found.push(warn(says, everyEdge));
  }
  return found.length > 0 ? found : [pass(`${edges.map(({ edgeId }) => edgeId).join(', ')} in step`)];
}

/** Of one edge, by its node. */
export function troubleOf(edge: EdgeNode, behind: readonly string[], saleId: string, stock: StockSale | null): Found[] {
  const { edgeId, silentSince, maintenance, epochs, hasOffice } = edge;
  const found: Found[] = [];
  if (silentSince !== null) {
    found.push(fail(`nginx of ${edgeId} has not answered its agent since ${silentSince}`, 'seckill status'));
  }
  if (maintenance) found.push(fail(`${edgeId} is in maintenance`, 'seckill edge maintenance off'));
  if (behind.includes(edgeId)) {
    const says = `${edgeId} is at epoch ${epochs[saleId] ?? 0} of ${saleId}, stock Redis at ${stock?.epoch ?? 0}`;
    found.push(fail(says, 'seckill status   (restart that gateway when it stays so)'));
  }
  if (!hasOffice && silentSince === null) {
    const says = `nginx of ${edgeId} does not know what it makes tickets with: its gateway makes each, at many times the cost`;
    found.push(warn(says, 'restart that gateway, of the same version as its nginx'));
  }
  return found;
}

const everyEdge =
  'SECKILL_EDGE_URLS=<the URL of every edge, with commas between them>, or SECKILL_EDGE_URL=<the URL that shoppers type> and SECKILL_EDGE_CONNECT=<host:port of every edge>';
const noUrls = () => fail('no edge can be asked from here', everyEdge);

/** What a ticket office that is well answers to a request without a token. */
const officeCodes = ['UNAUTHENTICATED', 'NOT_OPEN', 'SALE_CLOSED'];

/** What each edge tells a shopper of the sale, and whether its ticket office answers. */
export async function checkEdgeAnswers(
  reached: readonly AskedEdge[],
  saleId: string,
  stock: StockSale | null,
): Promise<Found[]> {
  if (reached.length === 0) return [noUrls()];
  const found = await Promise.all(
    reached.map(async (edge): Promise<Found[]> => {
      if (stock === null) return []; // not published yet: the check of the stock says so
      const sale = await readEdgeSale(edge, saleId).catch((error: unknown) => String(error));
      if (typeof sale === 'string') return [fail(sale.replace(/^Error: /, ''), 'seckill status')];
      if (sale.epoch < stock.epoch || Date.parse(sale.opensAt) !== stock.opensAtMs) {
        return [fail(`${edge.name} tells epoch ${sale.epoch} of ${saleId}, not ${stock.epoch}`, 'seckill status')];
      }
      const office = await askEdge(edge, `/api/sales/${saleId}/challenge`);
      const isWell = officeCodes.includes(problemCode(office.text) ?? '');
      return isWell ? [] : [fail(`${office.says} when asked for a challenge`, 'seckill status')];
    }),
  );
  const trouble = found.flat();
  return trouble.length > 0
    ? trouble
    : [pass(`asked ${reached.map(({ name }) => name).join(', ')}: sale and ticket office`)];
}

/** The scripts that every sale's page of this version names, whatever the shop's brand and words: a page of another version may speak another API than the edges. */
async function filesOfThisVersion(): Promise<string[]> {
  const { js, language, worker } = (await buildAssets([], ownBrand)).urls;
  return [js, language, worker];
}

/** The page, whether it is of this version, and the files that it names, through every edge. */
export async function checkPages(reached: readonly AskedEdge[], saleId: string): Promise<Found[]> {
  if (reached.length === 0) return [noUrls()];
  const publish = `seckill pages publish ${saleId}`;
  const wanted = await filesOfThisVersion();
  const found = await Promise.all(
    reached.map(async (edge): Promise<Found[]> => {
      const page = await askEdge(edge, `/sales/${saleId}`);
      if (page.status === null) return [fail(page.says, 'seckill status')];
      if (page.status !== 200 || !page.text.includes(saleId)) {
        return [fail(`the page is not published: ${page.says} for /sales/${saleId}`, publish)];
      }
      const assets = [...new Set([...page.text.matchAll(/"(\/assets\/[\w.-]+)"/g)].map(([, path = '']) => path))];
      const missing = wanted.find((path) => !assets.includes(path));
      if (missing !== undefined) {
        return [fail(`${edge.name} has a page of another version: it does not name ${missing}`, publish)];
      }
      const answers = await Promise.all(assets.map((path) => askEdge(edge, path)));
      return answers.flatMap(({ status, says }, at) =>
        status === 200 ? [] : [fail(`${says} for ${assets[at]}, which the page needs`, publish)],
      );
    }),
  );
  const trouble = found.flat();
  return trouble.length > 0
    ? trouble
    : [pass(`/sales/${saleId} and what it needs, through ${reached.map(({ name }) => name).join(', ')}`)];
}

/** Each process that checks tickets must know the key of every one that signs them: gateways, and nginx itself. */
export async function checkTicketKeys(zookeeper: ZooKeeper): Promise<Found[]> {
  return judgeKeyHolders(await readKeyHolders(zookeeper));
}

export function judgeKeyHolders(holders: readonly KeyHolder[]): Found[] {
  const signers = holders.filter(({ kind }) => kind !== 'service');
  const signing = new Set(signers.flatMap(({ keyIds: [first] }) => (first ? [first] : [])));
  const found = holders.flatMap(({ name, kind, keyIds }) => {
    const missing = [...signing].filter((id) => !keyIds.includes(id));
    return missing.length === 0
      ? []
      : [fail(`${name} (${kind}) does not know ${missing.join(', ')}, which signs tickets`, 'seckill keys show')];
  });
  if (found.length > 0) return found;
  return [
    pass(`${[...signing].join(', ')} signs, and ${counted(holders.length, 'process knows', 'processes know')} it`),
  ];
}
