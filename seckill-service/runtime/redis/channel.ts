import type { Logger } from '../logger.ts';
import type { Redis } from './connect.ts';

const pingMs = 1000;

/**
 * Listens to a pub/sub channel on a connection of its own (kind `listening`). What is said while the connection is away
 * is lost: `onGap` is called when it is heard again.
 */
export function listenToChannel(options: {
  redis: Redis;
  channel: string;
  logger: Logger;
  onMessage: (text: string) => void;
  onGap?: () => void;
}): { close: () => void } {
  const { redis, channel, logger, onMessage, onGap } = options;
  let isFirst = redis.status !== 'ready';
  redis.on('message', (_channel: string, text: string) => onMessage(text));
  redis.on('ready', () => {
    if (isFirst) {
      isFirst = false;
      return;
    }
    // The driver subscribes again by itself; an answer to what was sent after that says that it has.
    setImmediate(() =>
      redis
        .ping()
        .then(() => onGap?.())
        .catch(() => undefined),
    ); // the next connection will do
  });
  // This one waits in the driver's queue for the first connection.
  redis.subscribe(channel).catch((error: unknown) => logger.error({ err: error, channel }, 'listening to stock Redis'));
  // A listener hears nothing for hours when all is well: only an answer tells a quiet link from a dead one.
  const ping = setInterval(() => void redis.ping().catch(() => undefined), pingMs); // a dead link is cut by its timeout
  ping.unref();
  return { close: () => clearInterval(ping) };
}
