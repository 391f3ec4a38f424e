import { metricNames } from '#contract/metric-names.ts';
import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { Gauge, type Registry } from '#runtime/metrics.ts';
import { readEnsemble, type ZooKeeperServer } from '#runtime/zookeeper/topology.ts';

const everyMs = 10_000;
const states = ['serving', 'looking', 'untold', 'away'] as const;

/** Tells the metrics how many servers of the list are in which state; what is no ZooKeeper counts as away. */
export function watchZooKeeperServers(deps: { connection: string; registers: Registry[]; logger: Logger }): Loop {
  const { connection, registers, logger } = deps;
  const servers = new Gauge({
    name: metricNames.zookeeperServers,
    help: 'Servers of the ZooKeeper ensemble by state: serving, looking (runs without a quorum), untold (does not allow srvr), away',
    labelNames: ['state'],
    registers,
  });
  return startLoop({
    name: 'zookeeper servers',
    everyMs,
    logger,
    pass: async () => {
      const found = (await readEnsemble(connection)).map(stateOf);
      for (const state of states) servers.set({ state }, found.filter((each) => each === state).length);
      return 'idle';
    },
  });
}

const stateOf = ({ kind }: ZooKeeperServer): (typeof states)[number] => (kind === 'foreign' ? 'away' : kind);
