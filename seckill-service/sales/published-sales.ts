import { type SaleNode, saleNodeSchema } from '#contract/sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';
import { watchChildren } from '#runtime/zookeeper-watch.ts';

export type PublishedSales = {
  /** As ZooKeeper told it last; null: it has no such sale, or one that cannot be read. Late by milliseconds, never ahead. */
  get: (saleId: string) => SaleNode | null;
  all: () => SaleNode[];
  /** False until every sale was read once: before that a sale that is not here may well be there. */
  isComplete: () => boolean;
  close: () => void;
};

/** What every edge obeys, kept by watches: to look at a thousand sales asks ZooKeeper nothing. */
export function followPublishedSales(options: { zookeeper: ZooKeeper; logger: Logger }): PublishedSales {
  const nodes = new Map<string, SaleNode>();
  let complete = false;
  const watch = watchChildren({
    ...options,
    parent: zookeeperPaths.sales,
    onChange: (saleId, data) => {
      const node = data === null ? null : read(data);
      if (node === null) nodes.delete(saleId);
      else nodes.set(saleId, node);
    },
    onFull: () => {
      complete = true;
    },
  });
  return {
    get: (saleId) => nodes.get(saleId) ?? null,
    all: () => [...nodes.values()],
    isComplete: () => complete,
    close: watch.close,
  };
}

function read(data: Buffer): SaleNode | null {
  try {
    return saleNodeSchema.parse(JSON.parse(data.toString()));
  } catch {
    return null; // whoever goes on to write it reads it by itself, and says what is wrong
  }
}
