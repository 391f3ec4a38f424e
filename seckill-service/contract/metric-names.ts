/** Names of metrics that another process of ours reads. The rest are spelled where they are counted. */
export const metricNames = {
  /** The edge's, by sale and outcome; its Lua twin is metrics.lua. */
  edgeRequests: 'seckill_edge_requests_total',
  /** Since when the edge counts, Unix seconds; its Lua twin is metrics_page.lua. */
  edgeCountsSince: 'seckill_edge_counts_since_seconds',
  /** Age of the oldest accepted order in the outbox, by sale. */
  relayLag: 'seckill_relay_lag_seconds',
  /** From what was sent to stock Redis until it said how many replicas have it. */
  barrierSeconds: 'seckill_barrier_seconds',
  /** Barriers that too few replicas answered in time. */
  notReplicated: 'seckill_not_replicated_total',
  /** Replicas that follow stock Redis' primary, and how many must have a yes. */
  stockReplicas: 'seckill_stock_replicas',
  stockReplicasAsked: 'seckill_stock_replicas_asked',
  /** By state: serving, looking, untold, away. */
  zookeeperServers: 'seckill_zookeeper_servers',
  /** By state: synchronous, asynchronous, untold; and whether one is wanted. */
  postgresStandbys: 'seckill_postgres_standbys',
  postgresStandbyWanted: 'seckill_postgres_standby_wanted',
  /** By slot: WAL that it keeps, and how much more it may keep. */
  postgresSlotBytes: 'seckill_postgres_slot_bytes',
  postgresSlotLeftBytes: 'seckill_postgres_slot_left_bytes',
} as const;
