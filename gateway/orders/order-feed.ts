import { eachShownOrder, type ShownOrder, shownOrdersChannel } from '#contract/shown-order.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { listenToChannel } from '#runtime/redis/channel.ts';
import type { Redis } from '#runtime/redis/connect.ts';

/**
 * Hears of every order whose picture changes, one subscription a process (`redis`: kind `listening`). `follows` is asked
 * first, so that pictures which nobody here looks at cost next to nothing. `onGap`: some may have been missed.
 */
export function followShownOrders(deps: {
  redis: Redis;
  logger: Logger;
  follows: (orderId: string) => boolean;
  onShown: (orderId: string, shown: ShownOrder) => void;
  onGap: () => void;
}): { close: () => void } {
  const { redis, logger, follows, onShown, onGap } = deps;
  const warn = createThrottledWarn(logger);
  return listenToChannel({
    redis,
    channel: shownOrdersChannel,
    logger,
    onGap,
    onMessage: (message) => {
      try {
        eachShownOrder(message, follows, onShown);
      } catch (error) {
        warn(error, 'stock Redis showed an order that is not understood');
      }
    },
  });
}
