import { type SaleNode, saleNodeSchema } from '#contract/sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';
import { watchChildren } from '#runtime/zookeeper-watch.ts';

export type SaleChange = { kind: 'sale'; sale: SaleNode } | { kind: 'gone'; saleId: string };

export type SaleWatch = {
  /** The sale as last read, undefined when there is none. */
  get: (saleId: string) => SaleNode | undefined;
  all: () => SaleNode[];
  /** True once every sale was read at least once. */
  isComplete: () => boolean;
  onChange: (listener: (change: SaleChange) => void) => void;
  /** Called once, when the first full read is done (at once if it is). */
  onComplete: (listener: () => void) => void;
  close: () => void;
};

/** Keeps every sale of ZooKeeper in memory. A lower epoch never overwrites a higher one (I7). */
export function watchSales(options: { zookeeper: ZooKeeper; logger: Logger }): SaleWatch {
  const { zookeeper, logger } = options;
  const sales = new Map<string, SaleNode>();
  const raw = new Map<string, string>();
  const listeners: ((change: SaleChange) => void)[] = [];
  let waiting: (() => void)[] = [];
  let complete = false;

  const tell = (change: SaleChange) => {
    for (const listener of listeners) listener(change);
  };

  const watch = watchChildren({
    zookeeper,
    parent: zookeeperPaths.sales,
    logger,
    onChange: (saleId, data) => {
      if (data === null) {
        raw.delete(saleId);
        if (sales.delete(saleId)) tell({ kind: 'gone', saleId });
        return;
      }
      const text = data.toString();
      if (raw.get(saleId) === text) return;
      const sale = parse(saleId, text, logger);
      const known = sales.get(saleId);
      if (sale === null || (known !== undefined && known.epoch > sale.epoch)) return;
      raw.set(saleId, text);
      sales.set(saleId, sale);
      tell({ kind: 'sale', sale });
    },
    onFull: () => {
      complete = true;
      for (const listener of waiting) listener();
      waiting = [];
    },
  });

  return {
    get: (saleId) => sales.get(saleId),
    all: () => [...sales.values()],
    isComplete: () => complete,
    onChange: (listener) => listeners.push(listener),
    onComplete: (listener) => (complete ? listener() : waiting.push(listener)),
    close: watch.close,
  };
}

function parse(saleId: string, text: string, logger: Logger): SaleNode | null {
  try {
    return saleNodeSchema.parse(JSON.parse(text));
  } catch (error) {
    logger.error({ err: error, saleId }, 'a sale in zookeeper cannot be read; the last good one stays in force');
    return null;
  }
}
