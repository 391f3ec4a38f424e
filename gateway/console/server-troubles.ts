import { metricNames } from '#contract/metric-names.ts';
import { counted } from '#runtime/counted.ts';
import type { Sample } from '#runtime/prometheus-text.ts';

const mend = 'seckill status says which';

/**
 * What services and order-workers tell of servers with replicas, where one of them is missing: in words, with the command that
 * says more. Each process tells what it sees; the worst counts. Empty when all is well, and where there are no replicas.
 */
export function serverTroubles(samples: readonly Sample[]): string[] {
  const values = (name: string, states?: readonly string[]) =>
    samples
      .filter((each) => each.name === name && (states === undefined || states.includes(each.labels.state ?? '')))
      .map(({ value }) => value);
  const most = (name: string, states?: readonly string[]) => Math.max(0, ...values(name, states));
  const troubles: string[] = [];
  const asked = most(metricNames.stockReplicasAsked);
  const replicas = Math.min(...values(metricNames.stockReplicas));
  if (asked > 0 && replicas < asked + 1) {
    const now = replicas < asked ? 'nothing is sold' : 'with the next one nothing is sold';
    troubles.push(
      `stock Redis has ${counted(replicas, 'replica')} in step and should have ${asked + 1}: ${now}; ${mend}`,
    );
  }
  const isServing = most(metricNames.zookeeperServers, ['serving', 'untold']) > 0;
  const away = most(metricNames.zookeeperServers, ['away']) + most(metricNames.zookeeperServers, ['looking']);
  if (away > 0) {
    const now = isServing ? 'do not serve' : 'do not serve, it has no quorum: no sale is opened, paused or closed';
    troubles.push(`${counted(away, 'server')} of ZooKeeper ${away === 1 ? now.replace('do', 'does') : now}; ${mend}`);
  }
  if (
    most(metricNames.postgresStandbyWanted) > 0 &&
    most(metricNames.postgresStandbys, ['synchronous', 'untold']) === 0
  ) {
    troubles.push(`PostgreSQL has no synchronous standby: commits wait for one, or are on one disk; ${mend}`);
  }
  return troubles;
}
