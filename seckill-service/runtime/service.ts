import { createBelongings, type Own } from './belongings.ts';
import { createLogger, type Logger } from './logger.ts';
import { type Host, runMain } from './main.ts';

/** What every service is told by its configuration. */
type ServiceConfig = {
  SECKILL_INSTANCE: string;
  /** Left out by one that answers nothing but on its inner address. */
  SECKILL_LISTEN?: string;
  SECKILL_INNER_LISTEN?: string;
  SECKILL_LOG_LEVEL: string;
};

export type Service<C> = { config: C; logger: Logger; own: Own };

/**
 * Runs a service: reads its configuration, starts it, and closes what it has opened (`own`) in reverse order, on SIGTERM
 * and SIGINT, at a start that fails, and at a signal in the middle of the start. A second signal exits at once.
 */
export async function runService<C extends ServiceConfig>(
  name: string,
  readConfig: (environment: Host['env']) => C,
  start: (service: Service<C>) => Promise<void>,
  host: Host = process,
): Promise<void> {
  await runMain(
    name,
    async (environment) => {
      const config = readConfig(environment);
      const logger = createLogger({
        service: name,
        instance: config.SECKILL_INSTANCE,
        level: config.SECKILL_LOG_LEVEL,
      });
      const belongings = createBelongings(logger);

      const onSignal = async (signal: NodeJS.Signals) => {
        if (belongings.isClosing()) return host.exit(1);
        logger.info({ signal }, 'closing');
        await belongings.close();
        logger.info('closed');
        return host.exit(0);
      };
      host.on('SIGTERM', (signal) => void onSignal(signal)); // ends in an exit, so it is not awaited
      host.on('SIGINT', (signal) => void onSignal(signal));

      try {
        await start({ config, logger, own: belongings.own });
        if (!belongings.isClosing())
          logger.info({ listen: config.SECKILL_LISTEN ?? config.SECKILL_INNER_LISTEN }, 'ready');
      } catch (error) {
        if (belongings.isClosing()) return; // the signal's own exit follows
        logger.info('the start failed, closing');
        await belongings.close();
        throw error;
      }
    },
    host,
  );
}
