import { z } from 'zod';
import type { SaleNode } from './sale.ts';

/**
 * What the agent streams to its nginx over a unix socket: one JSON object a line. A snapshot first, then changes; a
 * beat every second, so that silence means a broken stream. The reader is nginx-lua/lua/seckill/stream.lua.
 *
 * `json` is the sale as `GET /api/sales/<saleId>` shows it, without `state` and `now` and without the closing brace:
 * the edge appends those two per answer.
 */
export type EdgeSale = {
  id: string;
  epoch: number;
  state: SaleNode['state'];
  opensAtMs: number;
  closesAtMs: number;
  json: string;
};
export type EdgeLine =
  | { type: 'snapshot'; sales: EdgeSale[] }
  | { type: 'sale'; sale: EdgeSale }
  | { type: 'gone'; id: string }
  | { type: 'beat' };

/** What nginx answers on the same socket after each snapshot or change: the epochs it now holds, by sale. */
export const edgeAppliedSchema = z.object({
  type: z.literal('applied'),
  epochs: z.preprocess((value) => (Array.isArray(value) ? {} : value), z.record(z.string(), z.int())),
});

/** `/seckill/edges/<edgeId>`, ephemeral. `appliedAt` is ISO 8601 UTC. */
export const edgeNodeSchema = z.object({
  edgeId: z.string(),
  epochs: z.record(z.string(), z.int()),
  appliedAt: z.iso.datetime(),
});
export type EdgeNode = z.infer<typeof edgeNodeSchema>;

/** The edge's form of a sale. */
export function toEdgeSale(node: SaleNode): EdgeSale {
  const json = JSON.stringify({
    saleId: node.saleId,
    title: node.title,
    price: node.price,
    opensAt: node.window.opensAt,
    closesAt: node.window.closesAt,
    limitPerUser: node.limits.perUser,
    epoch: node.epoch,
  });
  return {
    id: node.saleId,
    epoch: node.epoch,
    state: node.state,
    opensAtMs: Date.parse(node.window.opensAt),
    closesAtMs: Date.parse(node.window.closesAt),
    json: json.slice(0, -1),
  };
}
