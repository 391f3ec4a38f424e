import { type Ask, type Connection, openConnection, type Reply, requestText } from './connection.ts';
import type { Meter } from './meter.ts';

/** Where a crowd goes, and how many of it have a request under way at a time. */
export type Edge = { url: URL; lanes: number };

/** Does `work` for each, `lanes` of them at a time; the results in order. */
async function inLanes<Item, Result>(items: readonly Item[], lanes: number, work: (item: Item) => Promise<Result>) {
  const results: Result[] = [];
  const rest = items.entries();
  const lane = async () => {
    for (const [nth, item] of rest) results[nth] = await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
}

/** A connection for each shopper. */
export const openAll = ({ url, lanes }: Edge, count: number): Promise<Connection[]> =>
  inLanes(Array.from({ length: count }), lanes, () => openConnection(url));

export const closeAll = ({ lanes }: Edge, connections: readonly Connection[]): Promise<unknown> =>
  inLanes(connections, lanes, (each) => each.close());

/**
 * One request of each, booked under `step`; the requests are written before. Throws on an answer of another status.
 */
export async function askAll(
  { url, lanes }: Edge,
  meter: Meter,
  step: string,
  status: number,
  asks: readonly { connection: Connection; ask: Ask }[],
): Promise<Reply[]> {
  const ready = asks.map(({ connection, ask }) => ({ connection, text: requestText(url, ask) }));
  const replies = await meter.book(step, asks.length, () =>
    inLanes(ready, lanes, ({ connection, text }) => connection.ask(text)),
  );
  const wrong = replies.find((reply) => reply.status !== status);
  if (wrong !== undefined)
    throw new Error(`${step}: ${status} was to come, and ${wrong.status} came: ${wrong.body.slice(0, 300)}`);
  meter.count(step, replies.length, replies.filter(({ isPassedOn }) => isPassedOn).length);
  return replies;
}
