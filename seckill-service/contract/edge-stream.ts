import { z } from 'zod';
import type { EdgeOffice, EdgeSaleOffice } from './edge-office.ts';
import type { EdgeSettings } from './edge-settings.ts';
import { epochSchema } from './epoch.ts';
import type { SaleNode, Translations } from './sale.ts';

/**
 * What the agent streams to its nginx over a unix socket: one JSON object a line. A snapshot first, then changes; a
 * beat every second, so that silence means a broken stream. The reader is nginx-lua/lua/seckill/stream.lua.
 *
 * `json` is the sale as `GET /api/sales/<saleId>` shows it, without `state` and `now` and without the closing brace:
 * the edge appends those two per answer. `office` comes by the stream alone, not from the tiers behind it.
 */
export type EdgeSale = {
  id: string;
  epoch: number;
  state: SaleNode['state'];
  opensAtMs: number;
  closesAtMs: number;
  json: string;
  office?: EdgeSaleOffice;
};
/**
 * `settings`, `keys` and `office` of a snapshot are absent when there is nothing to say of them: the edge keeps what it has.
 * `keys` is the text of SECKILL_TICKET_KEYS: the socket's directory must be private to the two.
 */
export type EdgeLine =
  | { type: 'snapshot'; sales: EdgeSale[]; settings?: EdgeSettings; keys?: string; office?: EdgeOffice }
  | { type: 'sale'; sale: EdgeSale }
  | { type: 'gone'; id: string }
  | { type: 'settings'; settings: EdgeSettings }
  | { type: 'keys'; keys: string }
  | { type: 'office'; office: EdgeOffice }
  | { type: 'beat' };

// Lua has one kind of table: an empty one may come as either.
const luaRecord = <T extends z.ZodType>(of: T) =>
  z.preprocess((value) => (Array.isArray(value) ? {} : value), z.record(z.string(), of));
const luaList = <T extends z.ZodType>(of: T) =>
  z.preprocess((value) => (isEmptyObject(value) ? [] : value), z.array(of));
const isEmptyObject = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/**
 * What nginx answers on the same socket: to a beat, a beat; to everything else, all that it now obeys: the epochs by
 * sale, the version of the settings (0: none came yet), the limits that follow, whether it is in maintenance, and the
 * ids of the ticket keys that it knows, the signing one first, and whether it has what its ticket office needs.
 */
export const edgeAppliedSchema = z.object({
  type: z.literal('applied'),
  epochs: luaRecord(epochSchema),
  settingsVersion: epochSchema,
  limits: luaRecord(z.int()),
  maintenance: z.boolean(),
  keyIds: luaList(z.string()),
  hasOffice: z.boolean().default(false),
});
export type EdgeApplied = Omit<z.infer<typeof edgeAppliedSchema>, 'type'>;

/** Of an edge that has not spoken yet. */
export const nothingApplied: EdgeApplied = {
  epochs: {},
  settingsVersion: 0,
  limits: {},
  maintenance: false,
  keyIds: [],
  hasOffice: false,
};

export const edgeAnswerSchema = z.discriminatedUnion('type', [
  edgeAppliedSchema,
  z.object({ type: z.literal('beat') }),
]);

/**
 * `/seckill/edges/<edgeId>`, ephemeral: what an edge has applied, as its agent heard it. `appliedAt` and `silentSince`
 * are ISO 8601 UTC; `silentSince` is null while nginx answers its agent, and `gatewayKeyIds` are the ticket keys of the
 * gateway beside it, the signing one first.
 */
export const edgeNodeSchema = z.object({
  edgeId: z.string(),
  epochs: z.record(z.string(), epochSchema),
  appliedAt: z.iso.datetime(),
  silentSince: z.iso.datetime().nullable().default(null),
  settingsVersion: epochSchema.default(0),
  limits: z.record(z.string(), z.int()).default({}),
  maintenance: z.boolean().default(false),
  keyIds: z.array(z.string()).default([]),
  hasOffice: z.boolean().default(false),
  gatewayKeyIds: z.array(z.string()).default([]),
});
export type EdgeNode = z.infer<typeof edgeNodeSchema>;

/**
 * `/seckill/services/<instance>`, ephemeral: the ids of the ticket keys that a service process knows, and whether it lets
 * purchases through to stock Redis; null of one that does not say.
 */
export const serviceNodeSchema = z.object({
  instance: z.string(),
  keyIds: z.array(z.string()),
  gate: z.enum(['open', 'closed']).nullable().default(null),
});
export type ServiceNode = z.infer<typeof serviceNodeSchema>;

const titlesOf = (translations: Translations) =>
  Object.fromEntries(Object.entries(translations).map(([tag, { title }]) => [tag, { title }]));

/** The edge's form of a sale. */
export function toEdgeSale(node: SaleNode): EdgeSale {
  const json = JSON.stringify({
    saleId: node.saleId,
    title: node.title,
    ...(node.translations === undefined ? {} : { translations: titlesOf(node.translations) }),
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
