import type { AuditAnswer } from '#contract/ops.ts';
import { call, messageOf } from './call.ts';
import { byId, counted, make } from './element.ts';
import { badge } from './tables.ts';

const maxShown = 20;

/** Checks the books of the chosen sale at a click, while it sells. */
export function createAuditPanel(saleId: () => string | null) {
  const button = byId<HTMLButtonElement>('audit');
  const result = byId('audit-result');

  async function audit(): Promise<void> {
    const chosen = saleId();
    if (chosen === null) return result.replaceChildren('There is no sale to audit.');
    button.disabled = true;
    result.replaceChildren(`Auditing ${chosen} …`);
    try {
      result.replaceChildren(...report(await call<AuditAnswer>(`audit?sale=${encodeURIComponent(chosen)}`)));
    } catch (error) {
      result.replaceChildren(messageOf(error));
    } finally {
      button.disabled = false;
    }
  }

  button.addEventListener('click', () => void audit()); // it tells what went wrong by itself
}

function report({ saleId, balanced, orders, checks, differences, fault }: AuditAnswer): HTMLElement[] {
  const verdict = balanced ? badge('open', 'balanced') : badge('paused', 'NOT BALANCED');
  const sides = `${counted(orders.reservations, 'reservation')}, ${counted(orders.rows, 'row')}`;
  const head = make('p', [verdict, ` ${saleId}: ${sides}`]);
  const list = make(
    'ul',
    checks.map(({ invariant, holds, says }) => make('li', `${holds ? 'ok' : 'FAIL'} ${invariant} ${says}`)),
    { class: 'plain' },
  );
  const faults =
    fault === null ? [] : [make('p', `FAULT ${fault}: seckill stock rebuild ${saleId}`, { class: 'alert' })];
  const shown = differences.slice(0, maxShown);
  const more = differences.length - shown.length;
  const found = shown.map(({ invariant, orderId, explains, mend }) =>
    make('li', [`${invariant} ${orderId}: ${explains}`, mend].filter(Boolean).join('; mend: ')),
  );
  if (more > 0) found.push(make('li', `and ${more} more: seckill audit ${saleId} --json`));
  return [head, ...faults, list, ...(found.length === 0 ? [] : [make('ul', found, { class: 'warn' })])];
}
