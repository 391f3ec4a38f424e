import { html } from 'hono/html';
import {
  badge,
  both,
  frame,
  type Markup,
  type PageContext,
  type PageSale,
  picture,
  price,
  stateOf,
  time,
  titleOf,
} from './frame.ts';

function card(sale: PageSale, context: PageContext): Markup {
  const state = stateOf(sale, context.renderedAt);
  return html`<li class="card" data-sale-id="${sale.saleId}" data-state="${state}">
<a href="/sales/${sale.saleId}">
${picture(sale, 'card', context)}
<div class="card-text">${badge(state)}<h2>${titleOf(sale)}</h2>${price(sale)}<p class="when">${both({ en: 'From ', zh: '开抢时间 ' })}${time(sale.window.opensAt)}</p></div>
</a></li>
`;
}

/** `index.html`: every sale, the next to open first, those that are over last. */
export function renderList(sales: readonly PageSale[], context: PageContext): string {
  const rank = (sale: PageSale) => Number(stateOf(sale, context.renderedAt) === 'closed');
  const sorted = [...sales].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      Date.parse(a.window.opensAt) - Date.parse(b.window.opensAt) ||
      a.saleId.localeCompare(b.saleId, 'en'),
  );
  const list =
    sorted.length === 0
      ? html`<p class="empty">${both({ en: 'Nothing is on sale right now. Come back soon.', zh: '目前没有活动，敬请期待。' })}</p>`
      : html`<ul class="cards">${sorted.map((sale) => card(sale, context))}</ul>`;
  return frame(
    'Flash sale · 限时抢购',
    context,
    html`<main id="main" class="list" data-page="list">
<h1>${both({ en: 'Small stock. One moment. Fair to all.', zh: '数量有限，准时开抢，人人公平。' })}</h1>
<p class="lead">${both({ en: 'Pick a sale and stay on its page: the button comes alive by itself.', zh: '选一个活动并停留在页面上，开抢时按钮会自动亮起。' })}</p>
${list}
<noscript><p class="note">${both({ en: 'This is how it stood on', zh: '以上状态截至' })} ${time(context.renderedAt.toISOString())}. ${both({ en: 'Reload to see the latest.', zh: '刷新可看最新状态。' })}</p></noscript>
</main>`,
  );
}
