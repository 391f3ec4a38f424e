/** Every path in ZooKeeper. */
export const zookeeperPaths = {
  root: '/seckill',
  sales: '/seckill/sales',
  sale: (saleId: string) => `/seckill/sales/${saleId}`,
  edges: '/seckill/edges',
  edge: (edgeId: string) => `/seckill/edges/${edgeId}`,
  /** Ephemeral; JSON {@link ServiceNode}. */
  services: '/seckill/services',
  service: (instance: string) => `/seckill/services/${instance}`,
  /** What ops changed while everything runs; `edgeSettings` is JSON {@link EdgeSettings}. */
  settings: '/seckill/settings',
  edgeSettings: '/seckill/settings/edge',
  leader: (office: string) => `/seckill/leader/${office}`,
  /** JSON {@link DrainSettings}: what `seckill drain` writes and every order-worker obeys. */
  drain: '/seckill/drain',
  /** JSON {@link ConsoleSessions}: which sessions of the console were ended before their time. */
  console: '/seckill/console',
  /** Ephemeral, one a process of `seckill cdc run`; JSON {@link CdcReport}. */
  cdcProcesses: '/seckill/cdc/processes',
  cdcProcess: (instance: string) => `/seckill/cdc/processes/${instance}`,
  /** JSON {@link CdcRequest}: what `seckill cdc snapshot` asks for. */
  cdcRequest: '/seckill/cdc/request',
  /** JSON {@link CdcFilled}: which sink has had all tables. */
  cdcFilled: '/seckill/cdc/filled',
} as const;
