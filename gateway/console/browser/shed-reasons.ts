import type { SaleMoment } from '../sample.ts';
import { byId, count, make, say } from './element.ts';
import { perSecond } from './series.ts';
import { row } from './tables.ts';

/**
 * Every reason for which something was shed until that second, the most frequent first, and how fast it grew. Rows stay
 * while the reasons do: whoever reads them by screen reader keeps the place.
 */
export function showShedReasons(is: SaleMoment | undefined, before: SaleMoment | undefined): void {
  const body = byId('shed-reasons');
  const totals = is?.[2] ?? null;
  const reasons = Object.entries(totals ?? {})
    .filter(([, total]) => total > 0)
    .sort(([a, most], [b, least]) => least - most || a.localeCompare(b));
  const shown = totals === null ? 'not known' : reasons.map(([reason]) => reason).join() || 'nothing was shed';
  if (body.dataset.shown !== shown) {
    body.dataset.shown = shown;
    const none = make('tr', [make('td', shown, { colspan: '3' })]);
    body.replaceChildren(...(reasons.length > 0 ? reasons.map(([reason]) => row(reason, ['', ''])) : [none]));
  }
  const ms = is === undefined || before === undefined ? 0 : is[0] - before[0];
  for (const [nth, [reason, total]] of reasons.entries()) {
    const [soFar, rate] = body.children[nth]?.querySelectorAll('td') ?? [];
    if (soFar === undefined || rate === undefined) continue;
    const earlier = before?.[2] ?? null;
    const grew = earlier === null ? null : perSecond(earlier[reason] ?? 0, total, ms);
    say(soFar, count(total));
    say(rate, grew === null ? '–' : count(Math.round(grew)));
  }
}
