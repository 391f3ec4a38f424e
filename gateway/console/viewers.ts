const maxViewers = 50;
/** Ticks that a viewer may leave unread: then it is gone, or as good as gone. */
const maxUnread = 30;

type Viewer = ReadableStreamDefaultController<Uint8Array>;

/**
 * Everybody who looks on: each tick is written and encoded once, and the same bytes go to all.
 * Source of the format: HTML Standard, 9.2 Server-sent events.
 */
export function createViewers() {
  const viewers = new Map<Viewer, () => boolean>();
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
      for (const [viewer, isStillIn] of viewers) {
        if (!isStillIn() || (viewer.desiredSize ?? 0) <= -maxUnread) drop(viewer);
        else viewer.enqueue(last);
      }
    },

    /**
     * A stream that begins with the last tick; null when there are as many viewers as there may be. It ends when its
     * viewer is not `isStillIn` any more, which is asked at each tick.
     */
    open(isStillIn: () => boolean = () => true): ReadableStream<Uint8Array> | null {
      if (viewers.size >= maxViewers) return null;
      let mine: Viewer;
      return new ReadableStream<Uint8Array>({
        start: (viewer) => {
          mine = viewer;
          viewers.set(viewer, isStillIn);
          viewer.enqueue(new TextEncoder().encode('retry: 2000\n\n'));
          if (last !== null) viewer.enqueue(last);
        },
        cancel: () => void viewers.delete(mine),
      });
    },

    count: () => viewers.size,
    close: () => {
      for (const viewer of viewers.keys()) drop(viewer);
    },
  };
}
export type Viewers = ReturnType<typeof createViewers>;
