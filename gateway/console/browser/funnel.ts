import type { SaleColumn, SaleMoment } from '../sample.ts';
import { byId, count, say } from './element.ts';
import { columnOf, perSecond } from './series.ts';

type Step = SaleColumn | 'shed';
const flows: ReadonlySet<Step> = new Set<Step>(['arrived', 'shed', 'passed', 'accepted', 'stored', 'paid', 'expired']);

function totalOf(moment: SaleMoment | undefined, step: Step): number | null {
  if (step !== 'shed') return columnOf(moment, step);
  const shed = moment?.[2];
  return shed == null ? null : Object.values(shed).reduce((sum, each) => sum + each, 0);
}

/** The figures of one second, each with how fast it grew over the five seconds before. */
export function showFunnel(is: SaleMoment | undefined, before: SaleMoment | undefined): void {
  for (const tile of byId('funnel').querySelectorAll<HTMLElement>('[data-step]')) {
    const step = tile.dataset.step as Step; // page.ts lists them
    const [total, rate] = [tile.querySelector<HTMLElement>('b'), tile.querySelector<HTMLElement>('span')];
    if (total === null || rate === null) continue;
    say(total, count(totalOf(is, step)));
    const grew =
      is === undefined || before === undefined || !flows.has(step)
        ? null
        : perSecond(totalOf(before, step), totalOf(is, step), is[0] - before[0]);
    say(rate, grew === null ? '\u00a0' : `${count(Math.round(grew))}/s`);
  }
}
