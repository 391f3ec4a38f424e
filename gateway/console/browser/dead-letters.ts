import type { DeadLetterAnswer, OpsOverview, RetryRequest } from '#contract/ops.ts';
import { ask } from './ask.ts';
import { call, messageOf } from './call.ts';
import { byId, count, counted, fill, make, say } from './element.ts';

/** How many there are, the newest of them at a click, and the button that puts them back. */
export function createDeadLetterPanel() {
  const says = byId('dead-says');
  let total: number | null = null;

  async function list(): Promise<void> {
    try {
      const { deadLetters } = await call<{ deadLetters: DeadLetterAnswer[] }>('dead-letters');
      fill(byId('dead-letters'), deadLetters.map(item));
      say(says, deadLetters.length === 0 ? 'No dead letters.' : `${deadLetters.length} shown, newest first.`);
    } catch (error) {
      say(says, messageOf(error));
    }
  }

  async function retry(what: string, request: RetryRequest): Promise<void> {
    if (!(await ask(what))) return;
    try {
      const { retried } = await call<{ retried: number }>('dead-letters/retry', request);
      await list();
      say(says, `${count(retried)} back in the queue; what fails again comes back here.`);
    } catch (error) {
      say(says, messageOf(error));
    }
  }

  function item(letter: DeadLetterAnswer): HTMLElement {
    const { queue, id, reason, attempts, failedAt, mend } = letter;
    const button = make('button', 'Retry', {
      type: 'button',
      class: 'quiet',
      'aria-label': `Retry ${id} of ${queue}`,
      'data-retry': id,
      'data-queue': queue,
    });
    return make('li', [
      make('p', [make('b', queue), ` ${id}`]),
      make('p', `${counted(attempts, 'try', 'tries')}, ${failedAt}: ${reason}`),
      make('p', [make('code', mend)], { class: 'soft' }),
      button,
    ]);
  }

  byId('dead-list').addEventListener('click', () => void list()); // it tells what went wrong by itself
  byId('dead-retry').addEventListener('click', () => {
    const all = total === null ? 'all dead letters' : counted(total, 'dead letter');
    void retry(`Put ${all} back into the queues, with all tries?`, { all: true });
  });
  byId('dead-letters').addEventListener('click', ({ target }) => {
    const { retry: id, queue } = (target as HTMLElement).dataset;
    if (id === undefined || queue === undefined) return;
    void retry(`Put ${id} back into ${queue}, with all its tries?`, { queue, id });
  });

  return {
    show(counts: OpsOverview['deadLetters']): void {
      total = counts?.reduce((sum, { deadLetters }) => sum + deadLetters, 0) ?? null;
      const some = counts?.filter(({ deadLetters }) => deadLetters > 0) ?? [];
      const lines = some.map(({ queue, deadLetters }) => `${queue}: ${count(deadLetters)}`);
      const text = counts === null ? ['unknown'] : lines.length === 0 ? ['none'] : lines;
      fill(
        byId('dead-counts'),
        text.map((line) => make('li', line)),
      );
      byId<HTMLButtonElement>('dead-retry').disabled = total === 0;
    },
  };
}
