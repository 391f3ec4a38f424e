/** Every path in ZooKeeper. */
export const zookeeperPaths = {
  sales: '/seckill/sales',
  sale: (saleId: string) => `/seckill/sales/${saleId}`,
  edges: '/seckill/edges',
  edge: (edgeId: string) => `/seckill/edges/${edgeId}`,
  leader: (office: string) => `/seckill/leader/${office}`,
  /** JSON {@link DrainSettings}: what `seckill drain` writes and every order-worker obeys. */
  drain: '/seckill/drain',
} as const;
