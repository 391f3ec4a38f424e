import type { Logger } from '#runtime/logger.ts';
import type { SubscriberStore } from './subscriber-store.ts';

/** So many failures one after the other, over all orders: it is the subscriber that fails, not an order. */
const failuresInARow = 20;
/** Or so few, and nothing got through for so long since the first of them: where few orders are sold, or few tries made. */
const fewInARow = 3;
const nothingForMs = 20_000;
/** After an outage at least this long, what waits for its next try is tried at once. */
const outageMs = 60_000;
const noteEveryMs = 10_000;

export type Health = {
  failed: (says: string) => void;
  answered: () => void;
  /** To be called every few seconds: the last failure may be the last thing that happens. */
  look: () => void;
};

/**
 * Notices when a subscriber stops answering and when it is back, and notes both for every process and for ops. Counts
 * what this process sees; the store knows who noticed first.
 */
export function watchHealth(deps: {
  subscriber: { id: number; name: string };
  /** What the store said last: another process may have noticed. */
  isNotedAsFailing: () => boolean;
  store: Pick<SubscriberStore, 'failing' | 'well'>;
  logger: Logger;
  onRecovered: () => Promise<void>;
  now: () => number;
}): Health {
  const { subscriber, isNotedAsFailing, store, logger, onRecovered, now } = deps;
  const { id, name } = subscriber;
  let inARow = 0;
  let firstAt = 0;
  let saidLast = '';
  let isFailing = false;
  let notedAt = Number.NEGATIVE_INFINITY;

  const note = (what: () => Promise<void>) => {
    notedAt = now();
    void what().catch((error: unknown) => logger.warn({ err: error, subscriber: name }, 'its health was not noted'));
  };

  const isDown = () => inARow >= failuresInARow || (inARow >= fewInARow && now() - firstAt >= nothingForMs);
  const notice = () => {
    if (!isFailing) logger.warn({ subscriber: name, says: saidLast }, 'a subscriber is failing');
    isFailing = true;
    note(async () => void (await store.failing(id, saidLast)));
  };

  return {
    failed: (says) => {
      if (inARow === 0) firstAt = now();
      inARow += 1;
      saidLast = says;
      if (isDown() && !(isFailing && now() - notedAt < noteEveryMs)) notice();
    },
    look: () => {
      if (!isFailing && isDown()) notice();
    },
    answered: () => {
      inARow = 0;
      if (!isFailing && (!isNotedAsFailing() || now() - notedAt < noteEveryMs)) return;
      isFailing = false;
      note(async () => {
        const wasLong = await store.well(id, outageMs);
        logger.info({ subscriber: name }, 'a subscriber answers again');
        if (wasLong) await onRecovered();
      });
    },
  };
}
