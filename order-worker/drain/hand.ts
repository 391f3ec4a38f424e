import { type Part, type TakenJob, waitingIn } from './taken-job.ts';

/** What a worker has in its hand: orders off the queue that wait for their turn at the rate, those of a few jobs. */
export type Hand = {
  add: (job: TakenJob) => void;
  /** How many orders wait here. */
  count: () => number;
  /** Takes the first `count` orders, grouped by their jobs. */
  take: (count: number) => Part[];
  /** Takes all jobs out, with the orders that are left in them. */
  clear: () => TakenJob[];
};

export function createHand(): Hand {
  let jobs: TakenJob[] = [];
  return {
    add: (job) => void jobs.push(job),
    count: () => jobs.reduce((sum, job) => sum + waitingIn(job), 0),
    take: (count) => {
      const parts: Part[] = [];
      let left = count;
      while (left > 0) {
        const from = jobs[0];
        if (from === undefined) break;
        const some = Math.min(left, waitingIn(from));
        if (some > 0) parts.push({ from, orders: from.waiting.slice(from.next, from.next + some) });
        from.next += some;
        left -= some;
        if (waitingIn(from) === 0) jobs.shift();
      }
      return parts;
    },
    clear: () => {
      const all = jobs;
      jobs = [];
      return all;
    },
  };
}
