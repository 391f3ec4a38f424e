import { createServer } from 'node:http';
import { settings } from '#contract/settings.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { ConfigError, readConfig, readTogether } from '#runtime/config.ts';
import { watchConnections } from '#runtime/connection-metrics.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { stopListening } from '#runtime/listen.ts';
import type { Host } from '#runtime/main.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { runService } from '#runtime/service.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { standForLeader } from '#runtime/zookeeper/leader.ts';
import { keepPresence } from '#runtime/zookeeper/presence.ts';
import { chooseSink, type MakeSink } from './choose-sink.ts';
import { goLast } from './go-last.ts';
import { type Lead, startLeading } from './lead.ts';
import { createCdcMetrics } from './metrics.ts';
import { noteCdcFilled, readCdcFilled, readCdcRequest } from './report.ts';
import { createSource } from './source/create-source.ts';
import type { CdcSource } from './source/source.ts';
import { atFirst, reportOf, type Standing, unreadiness } from './standing.ts';

const readSettings = (environment: Host['env']) => {
  const [config, sink] = readTogether(
    () =>
      readConfig(
        settings,
        [
          'SECKILL_INSTANCE',
          'SECKILL_INNER_LISTEN',
          'SECKILL_ZOOKEEPER',
          'SECKILL_ZOOKEEPER_AUTH',
          'SECKILL_CDC_DATABASE_URL',
          'SECKILL_CDC_RATE',
          'SECKILL_LOG_LEVEL',
        ],
        environment,
      ),
    () => chooseSink(environment),
  );
  return { ...config, sink };
};

const reportEveryMs = 2000;

/** The process that copies every change of the order tables into files or Kafka: `seckill cdc run`. One leads, others stand by. */
export const runCdc = (host: Host = process): Promise<void> =>
  runService(
    'cdc',
    readSettings,
    async ({ config, logger, own }) => {
      goLast(); // what waits here is kept by PostgreSQL
      const registry = createRegistry();
      let lead: Lead | null = null;
      const metrics = createCdcMetrics([registry], () => lead?.lagSeconds() ?? 0);
      const inner = own('inner server', createServer(), stopListening); // answers until all that it shows is closed
      const zookeeper = own(
        'zookeeper',
        connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, auth: config.SECKILL_ZOOKEEPER_AUTH, logger }),
      );
      watchConnections([registry], { zookeeper: () => zookeeper.ready() === null });
      const source = own(
        'postgres',
        createSource({
          databaseUrl: config.SECKILL_CDC_DATABASE_URL,
          logger,
          now: Date.now,
          changesPerSecond: config.SECKILL_CDC_RATE,
          onUnknownColumns: metrics.schemaAhead,
        }),
      );
      const makeSink = () => config.sink.make({ logger, now: Date.now });
      await refuseToBegin(source, makeSink);
      const { name: sink } = await makeSink();
      const instance = config.SECKILL_INSTANCE;
      let standing: Standing = atFirst;
      let changedAt = Date.now();
      const presence = own(
        'presence',
        keepPresence({
          ...{ zookeeper, logger, everyMs: reportEveryMs },
          path: zookeeperPaths.cdcProcess(instance),
          data: () => {
            const lagSeconds = Math.round((lead?.lagSeconds() ?? 0) * 10) / 10;
            return Buffer.from(JSON.stringify(reportOf(standing, { instance, sink, lagSeconds, at: changedAt })));
          },
        }),
      );
      const leadership = own(
        'leadership',
        standForLeader({ zookeeper, path: zookeeperPaths.leader('cdc'), instance, logger }),
      );
      lead = own(
        'cdc',
        startLeading({
          ...{ source, makeSink, metrics, logger, now: Date.now, random: Math.random },
          isLeader: leadership.isLeader,
          request: () => readCdcRequest(zookeeper),
          filled: { read: () => readCdcFilled(zookeeper), note: (filled) => noteCdcFilled(zookeeper, filled) },
          onStanding: (next) => {
            const isMoved = next.state !== standing.state || next.trouble !== standing.trouble;
            standing = next;
            changedAt = Date.now();
            if (isMoved) presence.nudge(); // the rest is told at the next look
          },
        }),
      );
      await startInnerServer({
        server: inner,
        address: config.SECKILL_INNER_LISTEN,
        registry,
        ready: { zookeeper: zookeeper.ready, cdc: () => unreadiness(standing, Date.now()) },
      });
    },
    host,
  );

/**
 * What only a person can mend ends the start: a wrong wal_level, no publication, a role that may not, a sink that cannot be written. A
 * database or a sink that is merely away is waited for by the process that runs.
 */
async function refuseToBegin(source: CdcSource, makeSink: () => ReturnType<MakeSink>): Promise<void> {
  const problems = await source.prerequisites().catch((): string[] => []);
  try {
    const sink = await makeSink();
    try {
      await sink.check();
    } finally {
      await sink.close();
    }
  } catch (error) {
    if (error instanceof ConfigError) problems.push(...error.problems);
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
