import { formatShownOrder, type ShownOrder } from '#contract/shown-order.ts';

/** Orders that look alike; null: they are not shown. */
export type Picture = { shown: ShownOrder | null; orderIds: readonly string[] };

/** What commit.lua takes: replies come in the order of the pictures' orders. `channel` is told of those that are shown. */
export function commitArguments(channel: string, pictures: readonly Picture[]): (string | number)[] {
  const each = pictures.flatMap(({ shown, orderIds }) => [
    shown === null ? '' : formatShownOrder(shown),
    shown?.version ?? 0,
    shown?.step ?? 0,
    orderIds.length,
  ]);
  return [channel, pictures.length, ...each, ...pictures.flatMap(({ orderIds }) => orderIds)];
}
