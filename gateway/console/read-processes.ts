import { type EdgeCounts, edgeCountsBySale } from '#contract/edge-counts.ts';
import { metricNames } from '#contract/metric-names.ts';
import { type OpsOverview, opsOverviewSchema, opsPaths } from '#contract/ops.ts';
import { parseSamples, type Sample } from '#runtime/prometheus-text.ts';
import { cdcSlotSeen } from './cdc-troubles.ts';
import { serverTroubles } from './server-troubles.ts';

/** Inner addresses of the others: an `http://host:port` each. */
export type InnerUrls = { edges: readonly string[]; services: readonly string[]; workers: readonly string[] };

const withinMs = 800;

/** A process' own metrics; null when it does not answer. */
async function readMetrics(innerUrl: string): Promise<Sample[] | null> {
  try {
    const response = await fetch(new URL('/metrics', innerUrl), { signal: AbortSignal.timeout(withinMs) });
    return response.ok ? parseSamples(await response.text()) : null;
  } catch {
    return null; // said as unknown
  }
}

/** What the edges counted, by sale; null when none answers. `silent`: the addresses of those that did not. */
export async function readEdgeCounts(urls: readonly string[]) {
  const answers = await Promise.all(urls.map(readMetrics));
  const samples = answers.filter((each) => each !== null);
  const silent = urls.filter((_, nth) => answers[nth] === null);
  const counts: Map<string, EdgeCounts> | null = samples.length === 0 ? null : edgeCountsBySale(samples.flat());
  return { counts, silent };
}

/**
 * What services and order-workers tell by their metrics. `lags`: relay lag by sale, ms, the longest that a service sees; null when no
 * service answers. `troubles`: servers that are missing, in words. `cdcSlot`: what the data team's slot keeps.
 */
export async function readServersSeen({ services, workers }: Pick<InnerUrls, 'services' | 'workers'>) {
  const [ofServices, ofWorkers] = await Promise.all(
    [services, workers].map(async (urls) => (await Promise.all(urls.map(readMetrics))).filter((each) => each !== null)),
  );
  const troubles = serverTroubles([...(ofServices ?? []), ...(ofWorkers ?? [])].flat());
  return { lags: relayLags(ofServices ?? []), troubles, cdcSlot: cdcSlotSeen((ofWorkers ?? []).flat()) };
}

function relayLags(answers: readonly Sample[][]): Map<string, number> | null {
  if (answers.length === 0) return null;
  const lags = new Map<string, number>();
  for (const { name, labels, value } of answers.flat()) {
    if (name !== metricNames.relayLag || labels.sale === undefined) continue;
    lags.set(labels.sale, Math.max(lags.get(labels.sale) ?? 0, Math.round(value * 1000)));
  }
  return lags;
}

/** What an order-worker knows of the rest; the first that answers speaks for all. Null when none does. */
export async function readOverview(
  urls: readonly string[],
  token: string,
  saleIds: readonly string[],
): Promise<OpsOverview | null> {
  const query = new URLSearchParams(saleIds.map((saleId): [string, string] => ['sale', saleId]));
  for (const url of urls) {
    try {
      const response = await fetch(new URL(`${opsPaths.overview}?${query}`, url), {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(withinMs + 200),
      });
      if (response.ok) return opsOverviewSchema.parse(await response.json());
    } catch {
      // the next one
    }
  }
  return null;
}
