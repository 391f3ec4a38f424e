const maxViewers = 50;
/** Ticks that a viewer may leave unread: then it is gone, or as good as gone. */
const maxUnread = 30;

type Viewer = ReadableStreamDefaultController<Uint8Array>;
/** `isStillIn`: asked at each tick; a viewer who is not is dropped. `saleId`: the sale that is looked at, null for none. */
type Look = { isStillIn?: () => boolean; saleId?: string | null };

/**
 * Everybody who looks on: each tick is written and encoded once, and the same bytes go to all.
 * Source of the format: HTML Standard, 9.2 Server-sent events.
 */
export function createViewers() {
  const viewers = new Map<Viewer, Required<Look>>();
  let last: Uint8Array | null = null;

  const drop = (viewer: Viewer) => {
    viewers.delete(viewer);
    try {
      viewer.close();
    } catch {
      // it went by itself
    }
  };

  return {
    tell(json: string): void {
      last = new TextEncoder().encode(`event: tick\ndata: ${json}\n\n`);
      for (const [viewer, { isStillIn }] of viewers) {
        if (!isStillIn() || (viewer.desiredSize ?? 0) <= -maxUnread) drop(viewer);
        else viewer.enqueue(last);
      }
    },

    /** A stream that begins with the last tick; null when there are as many viewers as there may be. */
    open({ isStillIn = () => true, saleId = null }: Look = {}): ReadableStream<Uint8Array> | null {
      if (viewers.size >= maxViewers) return null;
      let mine: Viewer;
      return new ReadableStream<Uint8Array>({
        start: (viewer) => {
          mine = viewer;
          viewers.set(viewer, { isStillIn, saleId });
          viewer.enqueue(new TextEncoder().encode('retry: 2000\n\n'));
          if (last !== null) viewer.enqueue(last);
        },
        cancel: () => void viewers.delete(mine),
      });
    },

    count: () => viewers.size,
    /** The sales that are looked at. */
    lookedAt: () => new Set([...viewers.values()].flatMap(({ saleId }) => saleId ?? [])),
    close: () => {
      for (const viewer of viewers.keys()) drop(viewer);
    },
  };
}
export type Viewers = ReturnType<typeof createViewers>;
