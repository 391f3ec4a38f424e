/** Runs `task` when it is its turn; `busy` when too many wait, or when its turn did not come in time. */
export type FewAtOnce = <T>(task: () => Promise<T>) => Promise<{ kind: 'done'; value: T } | { kind: 'busy' }>;

/** At most `underWay` tasks at a time, `waiting` more in line, each for `waitMs` at most. A task that fails gives its turn on. */
export function createFewAtOnce(limits: { underWay: number; waiting: number; waitMs: number }): FewAtOnce {
  let underWay = 0;
  const line = new Set<(isTurn: boolean) => void>();

  function turn(): boolean | Promise<boolean> {
    if (underWay < limits.underWay) {
      underWay += 1;
      return true;
    }
    if (line.size >= limits.waiting) return false;
    return new Promise((resolve) => {
      const call = (isTurn: boolean) => {
        line.delete(call);
        clearTimeout(timer);
        resolve(isTurn);
      };
      const timer = setTimeout(call, limits.waitMs, false);
      line.add(call);
    });
  }

  /** The turn is handed to the next in line, or given back. */
  function pass(): void {
    const [next] = line;
    if (next === undefined) underWay -= 1;
    else next(true);
  }

  return async (task) => {
    if (!(await turn())) return { kind: 'busy' };
    try {
      return { kind: 'done', value: await task() };
    } finally {
      pass();
    }
  };
}
