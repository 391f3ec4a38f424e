export type MicroBatcher<T, R> = { add: (item: T) => Promise<R> };

/**
 * Collects items that arrive within `maxWaitMs` of each other, at most `maxSize`, and hands them to `handle` together; 0:
 * those that arrive in one turn of the event loop.
 * `handle` returns one result per item, in order; an Error in that place rejects that item alone. When `handle` throws,
 * all of its items are rejected with what it threw.
 */
export function createMicroBatcher<T, R>(options: {
  handle: (items: readonly T[]) => Promise<readonly (R | Error)[]>;
  maxSize: number;
  maxWaitMs: number;
}): MicroBatcher<T, R> {
  const { handle, maxSize, maxWaitMs } = options;
  type Waiting = { item: T; resolve: (result: R) => void; reject: (error: unknown) => void };
  let waiting: Waiting[] = [];
  let cancel: (() => void) | null = null;

  function flushLater(): () => void {
    if (maxWaitMs === 0) {
      const turn = setImmediate(() => void flush());
      return () => clearImmediate(turn);
    }
    const timer = setTimeout(() => void flush(), maxWaitMs);
    return () => clearTimeout(timer);
  }

  async function flush(): Promise<void> {
    cancel?.();
    cancel = null;
    const batch = waiting;
    waiting = [];
    try {
      const results = await handle(batch.map(({ item }) => item));
      for (const [index, entry] of batch.entries()) {
        const result = results[index];
        if (result === undefined) entry.reject(new Error('the batch handler returned too few results'));
        else if (result instanceof Error) entry.reject(result);
        else entry.resolve(result);
      }
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
  }

  return {
    add: (item) =>
      new Promise<R>((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        if (waiting.length >= maxSize)
          void flush(); // settles through its items' promises
        else cancel ??= flushLater();
      }),
  };
}
