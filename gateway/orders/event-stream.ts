import type { ServerResponse } from 'node:http';
import { type OrderView, orderStreamEvent } from '#contract/order.ts';
import type { OrderRecord } from './read-orders.ts';

/** A reader that leaves so much unread is gone, or as good as gone. */
const maxUnreadBytes = 64 * 1024;

/** How soon a client that lost its stream comes back, ms; spread, so that a crowd does not come back as one. */
const retryMs = () => Math.round(1000 + Math.random() * 3000);

/**
 * One open stream of server-sent events, written straight to the connection.
 * Source: HTML Standard, 9.2 Server-sent events.
 */
export type EventStream = ReturnType<typeof openEventStream>;

export function openEventStream(options: {
  record: OrderRecord;
  response: ServerResponse;
  nowMs: number;
  onClose: () => void;
  onSlow: () => void;
}) {
  const { response, onClose, onSlow } = options;
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'private, no-store',
    'X-Accel-Buffering': 'no', // for proxies in front of ours
    Connection: 'close', // towards nginx: at the end nothing is left that a closing process would wait for
  });
  response.on('close', onClose);
  response.on('error', () => {}); // `close` follows
  write(`retry: ${retryMs()}\n\n`);

  function write(text: string): void {
    if (response.destroyed || response.writableEnded) return;
    response.write(text);
    if (response.writableLength <= maxUnreadBytes) return;
    onSlow();
    response.destroy();
  }

  return {
    record: options.record,
    openedAtMs: options.nowMs,
    /** What the client knows of the line; -1 before it was told. */
    ahead: -1,
    send: (view: OrderView) =>
      write(`id: ${view.version}\nevent: ${orderStreamEvent}\ndata: ${JSON.stringify(view)}\n\n`),
    /** A comment, so that nobody on the way takes the silence for an end. */
    beat: () => write(':\n\n'),
    end: () => {
      if (!response.writableEnded) response.end(`retry: ${retryMs()}\n\n`);
    },
  };
}
