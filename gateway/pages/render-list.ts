import { html } from 'hono/html';
import { badge, frame, type PageContext, type PageSale, picture, price, stateOf, time, titlesOf } from './frame.ts';
import type { Markup } from './speech.ts';

function card(sale: PageSale, context: PageContext): Markup {
  const { text, inEach } = context.speech;
  const state = stateOf(sale, context.renderedAt);
  return html`<li class="card" data-sale-id="${sale.saleId}" data-state="${state}">
<a href="/sales/${sale.saleId}">
${picture(sale, 'card', context)}
<div class="card-text">${badge(state, context)}<h2>${inEach(titlesOf(sale))}</h2>${price(sale)}<p class="when">${text('list.from', { time: time(sale.window.opensAt) })}</p></div>
</a></li>
`;
}

/** `index.html`: every sale, the next to open first, those that are over last. */
export function renderList(sales: readonly PageSale[], context: PageContext): string {
  const { text } = context.speech;
  const rank = (sale: PageSale) => Number(stateOf(sale, context.renderedAt) === 'closed');
  const sorted = [...sales].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      Date.parse(a.window.opensAt) - Date.parse(b.window.opensAt) ||
      a.saleId.localeCompare(b.saleId, 'en'),
  );
  const list =
    sorted.length === 0
      ? html`<p class="empty">${text('list.empty')}</p>`
      : html`<ul class="cards">${sorted.map((sale) => card(sale, context))}</ul>`;
  return frame(
    null,
    context,
    html`<main id="main" class="list" data-page="list">
<h1>${text('list.heading')}</h1>
<p class="lead">${text('list.lead')}</p>
${list}
<noscript><p class="note">${text('list.asOf', { time: time(context.renderedAt.toISOString()) })}</p></noscript>
</main>`,
  );
}
