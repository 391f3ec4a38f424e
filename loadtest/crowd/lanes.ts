/**
 * Work for many, at most `width` of them at a time. One that pauses gives its lane to another meanwhile, and then goes before those that
 * have not begun: what it holds does not wait for a whole crowd.
 */
export function createLanes(width: number, wait: (ms: number) => Promise<unknown>) {
  let free = width;
  const queue: (() => void)[] = [];
  const enter = (isBackAgain: boolean): Promise<void> => {
    if (free > 0) {
      free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => (isBackAgain ? queue.unshift(resolve) : queue.push(resolve)));
  };
  const leave = (): void => {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  };
  return {
    /** Inside the work of {@link each} only. */
    pause: async (ms: number): Promise<void> => {
      leave();
      await wait(ms);
      await enter(true);
    },
    /** Does `work` for each. The first that fails fails all. */
    each: async <Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> => {
      const running: Promise<void>[] = [];
      for (const item of items) {
        await enter(false);
        running.push(work(item).finally(leave));
      }
      await Promise.all(running);
    },
  };
}
