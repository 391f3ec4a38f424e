import { parseSaleNews, type SaleNews, saleNewsChannel } from '#contract/sale-news.ts';
import type { Logger } from '#runtime/logger.ts';
import { listenToChannel } from '#runtime/redis/channel.ts';
import type { Redis } from '#runtime/redis/connect.ts';

/**
 * Listens on a connection of its own (kind `listening`) to what stock Redis says of new epochs. What is said while the
 * connection is away is lost; the reconciler's own look makes up for it.
 */
export function listenForSaleNews(options: { redis: Redis; logger: Logger; onNews: (news: SaleNews) => void }) {
  const { redis, logger, onNews } = options;
  return listenToChannel({
    redis,
    channel: saleNewsChannel,
    logger,
    onMessage: (text) => {
      const news = parseSaleNews(text);
      if (news === null) logger.warn({ text: text.slice(0, 200) }, 'stock Redis sent news that are not understood');
      else onNews(news);
    },
  });
}
