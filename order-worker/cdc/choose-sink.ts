import { type CdcSinkName, cdcNames } from '#contract/cdc.ts';
import { cdcSinkSettings, settings } from '#contract/settings.ts';
import { ConfigError, readConfig, readTogether } from '#runtime/config.ts';
import type { Logger } from '#runtime/logger.ts';
import type { CdcSink } from './port/sink.ts';

type Environment = Record<string, string | undefined>;
export type MakeSink = (deps: { logger: Logger; now: () => number }) => Promise<CdcSink>;

/** Each loads its own client alone. */
const readers: Record<CdcSinkName, (environment: Environment) => MakeSink> = {
  files: (environment) => {
    const { SECKILL_CDC_DIR: dir } = readConfig(settings, ['SECKILL_CDC_DIR'], environment);
    return async (deps) => (await import('./sinks/files/files-sink.ts')).createFilesSink({ ...deps, dir });
  },
  kafka: (environment) => {
    const config = readConfig(settings, ['SECKILL_CDC_KAFKA_URL', 'SECKILL_CDC_KAFKA_CA_FILE'], environment);
    const { SECKILL_CDC_KAFKA_URL: place, SECKILL_CDC_KAFKA_CA_FILE: caFile } = config;
    return async ({ logger }) => {
      const { createKafkaSink } = await import('./sinks/kafka/kafka-sink.ts');
      return createKafkaSink({ place, caFile, logger, slot: cdcNames.slot });
    };
  },
};

/** The sink that SECKILL_CDC_SINK names, with its settings. Throws {@link ConfigError} with every problem, settings of the other sink too. */
export function chooseSink(environment: Environment): { name: CdcSinkName; make: MakeSink } {
  const { SECKILL_CDC_SINK: name } = readConfig(settings, ['SECKILL_CDC_SINK'], environment);
  const [make] = readTogether(
    () => readers[name](environment),
    () => refuseOthers(name, environment),
  );
  return { name, make };
}

function refuseOthers(name: CdcSinkName, given: Environment): void {
  const own: ReadonlySet<string> = new Set(cdcSinkSettings[name]);
  const unused = Object.values(cdcSinkSettings)
    .flat()
    .filter((setting) => !own.has(setting))
    .flatMap((setting) => [setting, `${setting}_FILE`])
    .filter((setting) => given[setting] !== undefined)
    .map((setting) => `${setting} is of no use with SECKILL_CDC_SINK=${name}: unset it, or choose its sink`);
  if (unused.length > 0) throw new ConfigError(unused);
}
