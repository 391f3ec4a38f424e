import type { ServerRole } from './roles.ts';

/** The servers that are not ours. Sentinels say which Redis is the primary. */
export type KeptRole = ServerRole | 'sentinel';

/** Where the others and the clients reach a server, and the address that it connects from; null: any. */
export type Face = { port: number; source: string | null };
export type Faces = Readonly<Record<string, Face>>;

/** One server: `name` is that of its process, log, data and port. `role-1` is the first of several. */
export type Server = { role: KeptRole; name: string; port: number; face: Face };

/** What the sentinels know the primaries by. */
export const primaryNames = { 'stock-redis': 'stock', 'queue-redis': 'queue' } as const;
export type RedisRole = keyof typeof primaryNames;

/** How many sentinels must agree that a primary is away. */
export const quorum = 2;
/** How many replicas of stock Redis must have a yes, as SECKILL_STOCK_REPLICAS says. */
export const stockReplicas = 1;

/** How many there are with `--ha`. Without it there is one of each, called by its role alone, and no sentinel. */
const haCounts: Record<KeptRole, number> = {
  'stock-redis': 3,
  'queue-redis': 2,
  sentinel: 3,
  zookeeper: 3,
  postgres: 2,
};

/** The ends of the names of ports that a server has with `--ha`, beside the one that its clients use. */
const haPorts: Partial<Record<KeptRole, readonly string[]>> = {
  zookeeper: ['quorum', 'election'],
  postgres: ['patroni'],
};

export const serverNames = (role: KeptRole, ha: boolean): string[] => {
  if (!ha) return role === 'sentinel' ? [] : [role];
  return Array.from({ length: haCounts[role] }, (_, i) => `${role}-${i + 1}`);
};

/** Names of every port of the servers of a role. */
export const serverPortNames = (role: KeptRole, ha: boolean): string[] =>
  serverNames(role, ha).flatMap((name) => [name, ...(ha ? (haPorts[role] ?? []) : []).map((end) => `${name}-${end}`)]);

export const keptRoles: readonly KeptRole[] = ['stock-redis', 'queue-redis', 'sentinel', 'zookeeper', 'postgres'];
