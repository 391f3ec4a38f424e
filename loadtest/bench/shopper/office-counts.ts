/** By route and outcome: `challenge answered`, `ticket passed_sign_in` and so on. Empty of an edge that counts no such thing. */
export async function readOfficeCounts(edgeInnerUrl: string): Promise<Record<string, number>> {
  const page = await (await fetch(new URL('/metrics', edgeInnerUrl))).text();
  const counts: Record<string, number> = {};
  for (const [, labels = '', count] of page.matchAll(/^seckill_edge_office_total\{(.*)\} (\d+)$/gm)) {
    const label = (name: string) => new RegExp(`${name}="(\\w*)"`).exec(labels)?.[1];
    const key = `${label('route')} ${label('outcome')}`;
    counts[key] = (counts[key] ?? 0) + Number(count);
  }
  return counts;
}
