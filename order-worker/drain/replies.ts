/** The reply codes of the scripts beside, by their names there; `scripts.test.ts` compares the two. */
export const replies = {
  fetch: { FETCHED: 1, DRY: 0, PAUSED: -1, UNKNOWN: -2 },
  /** As BullMQ's moveToFinished defines them. */
  finish: { DONE: 0, JOB_UNKNOWN: -1, NO_LOCK: -2, NOT_ACTIVE: -3, LOCK_OF_ANOTHER: -6 },
} as const;
