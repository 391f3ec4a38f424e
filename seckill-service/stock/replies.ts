/** The reply codes of the scripts beside, by their names there; `scripts.test.ts` compares the two. */
export const replies = {
  'read-sale': { FOUND: 1, SALE_UNKNOWN: -1 },
  'read-books': { FOUND: 1, SALE_UNKNOWN: -1 },
  preload: { DONE: 1, LIVE: -1 },
  reserve: {
    ACCEPTED: 1,
    REPLAY: 2,
    ENDED: 3,
    SALE_UNKNOWN: -1,
    NOT_OPEN: -2,
    PAUSED: -3,
    SOLD_OUT: -4,
    CLOSED: -5,
    LIMIT_REACHED: -6,
    NOT_ENOUGH: -7,
    QUANTITY_INVALID: -8,
    LATE: -9,
  },
  commit: { COMMITTED: 1, ALREADY: 0, UNKNOWN: -1, RELEASED: -2 },
  release: { RELEASED: 1, WITHHELD: 2, ALREADY: 0, UNKNOWN: -1 },
  show: { SHOWN: 1, STALE: 0 },
  restore: { RESTORED: 1, ALREADY: 0, NOT_STANDING: -1, NO_UNITS: -2 },
  recount: { DONE: 1, NOT_STANDING: -1, OVERSOLD: -2 },
  'set-state': { DONE: 1, ALREADY: 0, SALE_UNKNOWN: -1, NOT_ALLOWED: -2, FAULTY: -3 },
} as const;

export type ScriptName = keyof typeof replies;
