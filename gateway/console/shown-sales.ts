import { maxSalesCounted } from '#contract/ops.ts';
import { effectiveState, type SaleNode, type SaleState } from '#contract/sale.ts';
import { isCheckSale } from '#contract/shadow-sale.ts';

/** A sale is shown for this time after its end, so that the last hour of it can be looked back on. */
const shownAfterMs = 3_600_000;
const rank: Record<SaleState, number> = { open: 0, sold_out: 1, paused: 1, upcoming: 2, closed: 3, draft: 4 };

/**
 * The sales that the console shows, the one to look at first: those that are open, those that run and do not sell, the
 * next to open, the latest that closed. Drafts, what is long over, and what `sale check` tries for a moment are not shown.
 * Where there are too many, a sale that somebody looks at is not left out.
 */
export function shownSales(
  sales: readonly SaleNode[],
  nowMs: number,
  lookedAt: ReadonlySet<string> = new Set(),
): { shown: SaleNode[]; leftOut: number } {
  const current = sales
    .filter(({ saleId, state }) => state !== 'draft' && !isCheckSale(saleId))
    .map((sale) => {
      const [opensAt, closesAt] = [Date.parse(sale.window.opensAt), Date.parse(sale.window.closesAt)];
      const state = effectiveState(sale.state, opensAt, closesAt, nowMs);
      return { sale, opensAt, closesAt, state, rank: rank[state] };
    })
    .filter(({ closesAt }) => closesAt > nowMs - shownAfterMs)
    .sort((a, b) => {
      if (a.rank !== b.rank) return a.rank - b.rank;
      if (a.state === 'upcoming') return a.opensAt - b.opensAt;
      return a.state === 'closed' ? b.closesAt - a.closesAt : b.opensAt - a.opensAt;
    })
    .map(({ sale }) => sale);
  const isLookedAt = ({ saleId }: SaleNode) => Number(lookedAt.has(saleId));
  const kept = new Set(current.toSorted((a, b) => isLookedAt(b) - isLookedAt(a)).slice(0, maxSalesCounted));
  return { shown: current.filter((sale) => kept.has(sale)), leftOut: current.length - kept.size };
}
