import type { DrainSettings } from '#contract/drain.ts';
import type { DrainStatus } from '#contract/ops.ts';
import { ask } from './ask.ts';
import { call, messageOf } from './call.ts';
import { byId, count, counted, fill, make, say } from './element.ts';

const perSecond = (rate: number | null) => (rate === null ? 'no limit' : `${count(rate)} orders/s`);

/** What the drain does, and the buttons that change it; each asks first. */
export function createDrainPanel() {
  const says = byId('drain-says');
  let backlog: number | null = null;

  async function change(what: string, body: Partial<DrainSettings>): Promise<void> {
    if (!(await ask(what))) return;
    try {
      const now = await call<DrainSettings>('drain', body);
      say(says, `Set: ${perSecond(now.ratePerSecond)}${now.paused ? ', paused' : ''}.`);
    } catch (error) {
      say(says, messageOf(error));
    }
  }

  const waiting = () =>
    backlog === null ? 'The backlog is unknown.' : `${counted(backlog, 'order waits', 'orders wait')} now.`;
  byId<HTMLFormElement>('rate-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const rate = byId<HTMLInputElement>('rate').valueAsNumber;
    void change(`Store at most ${counted(rate, 'order')} a second, over all workers? ${waiting()}`, {
      ratePerSecond: rate,
    });
  });
  byId('no-limit').addEventListener('click', () => {
    void change(`Store as fast as the database takes it? ${waiting()}`, { ratePerSecond: null });
  });
  byId('pause').addEventListener('click', () => {
    void change(
      `Pause the drain? Nothing is stored until it is resumed, whatever restarts; shoppers see their orders queued. ${waiting()}`,
      { paused: true },
    );
  });
  byId('resume').addEventListener('click', () => {
    void change(`Go on storing orders at the set rate? ${waiting()}`, { paused: false });
  });

  return {
    show(drain: DrainStatus | null): void {
      backlog = drain?.backlog ?? null;
      const facts: [string, string][] =
        drain === null
          ? [['drain', 'unknown']]
          : [
              ['set', `${perSecond(drain.ratePerSecond)}${drain.paused ? ', PAUSED' : ''}`],
              ['limit now', perSecond(drain.limitPerSecond)],
              [
                'stored',
                `${count(Math.round(drain.storedPerSecond))} orders/s by ${counted(drain.workers.length, 'worker')}`,
              ],
              [
                'backlog',
                `${count(drain.backlog)}: waiting ${drain.waiting}, active ${drain.active}, delayed ${drain.delayed}, outbox ${drain.inOutbox}`,
              ],
              ['oldest', drain.oldestSeconds === null ? 'none waits' : `has waited ${drain.oldestSeconds} s`],
            ];
      fill(
        byId('drain'),
        facts.map(([name, value]) => make('div', [make('dt', name), make('dd', value)])),
      );
      const because = byId('because');
      because.hidden = (drain?.because.length ?? 0) === 0;
      fill(
        because,
        (drain?.because ?? []).map((text) => make('li', text)),
      );
    },
  };
}
