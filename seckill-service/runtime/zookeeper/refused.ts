/** ZooKeeper answers, and does not let us do it: the node belongs to another password than ours. */
export class ZooKeeperRefusedError extends Error {
  constructor(what: string, hasAuth: boolean) {
    const why = hasAuth ? 'the node belongs to another SECKILL_ZOOKEEPER_AUTH' : 'SECKILL_ZOOKEEPER_AUTH is not set';
    super(`ZooKeeper refuses to ${what}: ${why}. Give this process the one that the services have`);
  }
}
