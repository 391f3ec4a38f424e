import { html } from 'hono/html';
import type { Both } from './browser/words/words.ts';
import { both, frame, type Markup, type PageContext } from './frame.ts';
import { type OrderStep, orderSteps, statesOf } from './order-way.ts';

const fact = (testId: string, name: { en: string; zh: string }): Markup =>
  html`<div><dt>${both(name)}</dt><dd data-testid="${testId}">–</dd></div>`;

const stepWords: Record<OrderStep, Both> = {
  queued: { en: 'In the queue', zh: '排队中' },
  ready: { en: 'Order ready', zh: '待付款' },
  paid: { en: 'Paid', zh: '已付款' },
  expired: { en: 'Not paid in time', zh: '逾期未付' },
  cancelled: { en: 'Cancelled', zh: '已取消' },
  failed: { en: 'Not made', zh: '未能生成' },
  refunding: { en: 'Refunding', zh: '退款中' },
  refunded: { en: 'Refunded', zh: '已退款' },
};
/** Every step that an order may take; the script shows those of its own way. */
function step(name: OrderStep): Markup {
  const { of, at } = statesOf(name);
  return html`<li data-of="${of.join(' ')}" data-at="${at.join(' ')}"${of.includes('queued') ? '' : html` hidden`}>${both(stepWords[name])}</li>`;
}

/** `order.html`, one for all orders: the script reads the id from the address. */
export function renderOrder(context: PageContext): string {
  return frame(
    'Your order · 我的订单',
    context,
    html`<main id="main" class="order" data-page="order">
<section class="panel needs-script" aria-label="Your order" data-zh-aria-label="我的订单">
<p class="eyebrow" data-testid="title">${both({ en: 'Your order', zh: '我的订单' })}</p>
<div role="status"><h1 data-testid="order-state">${both({ en: 'Looking for your order…', zh: '正在查询订单…' })}</h1></div>
<p class="advice" data-testid="advice"></p>
<ol class="steps" data-testid="steps">${orderSteps.map(step)}</ol>
<p class="line" role="status" data-testid="ahead"></p>
<div class="due" data-testid="pay-by" hidden><span class="digits" role="timer" data-testid="countdown">--:--:--</span><p data-testid="pay-by-time"></p></div>
<div class="actions" data-testid="actions" hidden>
<button class="buy" type="button" data-testid="pay" hidden>${both({ en: 'Pay now', zh: '立即付款' })}</button>
<button class="quiet" type="button" data-testid="cancel" hidden>${both({ en: 'Cancel this order', zh: '取消订单' })}</button>
</div>
<p class="message" role="status" data-testid="message"></p>
<dl class="ticket-stub">${fact('place', { en: 'Place', zh: '名次' })}
${fact('quantity', { en: 'Quantity', zh: '数量' })}
${fact('amount', { en: 'Amount', zh: '金额' })}</dl>
<p class="fine">${both({ en: 'Order ', zh: '订单号 ' })}<code data-testid="order-id"></code></p>
<p class="fine ways"><a data-testid="sale-link" href="/">${both({ en: 'Back to the sale', zh: '返回活动页' })}</a>
<button class="plain" type="button" data-testid="refund" hidden>${both({ en: 'Return it', zh: '申请退款' })}</button></p>
</section>
<noscript><p class="note">${both({ en: 'To see your order, please switch JavaScript on for this site, then reload.', zh: '查看订单需要为本站启用 JavaScript，然后刷新。' })}</p></noscript>
</main>`,
  );
}
