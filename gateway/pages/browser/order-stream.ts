import type { OrderView } from '#contract/order.ts';
import { backoffMs } from './backoff.ts';
import { createEventParser } from './event-parser.ts';

/** The server says something at least every 15 s: a stream that is silent for longer is dead. */
const silenceMs = 40_000;

export type OrderStream = {
  /** True while the stream speaks: nobody has to ask then. */
  isLive(): boolean;
  /** Opens the stream, unless it is open or its next try is set; replaces one that has fallen silent. */
  resume(): void;
  /** Lets the connection go: a browser has few of them. */
  pause(): void;
};

/**
 * Follows an order's event stream and opens it again when it ends, by the server's own `retry`. It only ever tells of
 * views that are as new as the last one. A refusal for good (not the owner, no such order) or the order's end ends it.
 */
export function followOrder(options: {
  open: (headers: Record<string, string>, signal: AbortSignal) => Promise<Response>;
  onView: (view: OrderView) => void;
  now: () => number;
  random: () => number;
}): OrderStream {
  const { open, onView, now, random } = options;
  let stopping: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Of the stream that is open or opening. */
  let openedAt = 0;
  let heardAt = Number.NEGATIVE_INFINITY;
  let version = -1;
  let retryMs = 2000;
  let failures = 0;
  let isOver = false;

  const isLive = () => stopping !== null && now() - heardAt < silenceMs;

  function pause(): void {
    clearTimeout(timer);
    timer = undefined;
    stopping?.abort();
    stopping = null;
    heardAt = Number.NEGATIVE_INFINITY;
  }

  function resume(): void {
    if (isOver || timer !== undefined) return;
    if (stopping !== null && now() - Math.max(openedAt, heardAt) < silenceMs) return;
    pause();
    const mine = new AbortController();
    stopping = mine;
    openedAt = now();
    void read(mine)
      .catch(() => Math.max(retryMs, backoffMs(failures, null, random))) // the line broke
      .then((waitMs) => {
        if (stopping !== mine) return;
        pause();
        if (waitMs === null) isOver = true;
        else timer = setTimeout(again, waitMs);
      });
  }

  function again(): void {
    timer = undefined;
    resume();
  }

  /** Reads one stream to its end; how long to wait for the next one, null when there is to be none. */
  async function read(mine: AbortController): Promise<number | null> {
    failures += 1;
    const response = await open(version < 0 ? {} : { 'Last-Event-ID': String(version) }, mine.signal);
    if (response.status === 204) return null;
    if (!response.ok || response.body === null) {
      const mayChange = response.status === 429 || response.status === 404 || response.status >= 500;
      const seconds = Number(response.headers.get('Retry-After') ?? 0);
      return mayChange ? backoffMs(failures, seconds * 1000, random) : null;
    }
    const parse = createEventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return Math.max(retryMs, failures > 3 ? backoffMs(failures, null, random) : 0);
      if (stopping !== mine) return null;
      heardAt = now();
      for (const part of parse(value)) {
        if (part.kind === 'retry') retryMs = part.ms;
        else learn(JSON.parse(part.event.data) as OrderView); // the contract's word
      }
    }
  }

  function learn(view: OrderView): void {
    failures = 0;
    if (view.version < version) return;
    version = view.version;
    onView(view);
  }

  return { isLive, resume, pause };
}
