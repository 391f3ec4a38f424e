import { html } from 'hono/html';
import { orderStates } from '#contract/order.ts';
import { frame, type PageContext } from './frame.ts';
import { wayOf } from './order-way.ts';
import type { Markup, Speech } from './speech.ts';

/** One order as the script shows it: of the states it keeps the order's own. */
const row = ({ text }: Speech): Markup =>
  html`<template data-testid="row"><li><a class="own-order" href="/"><b></b>
<span class="badge">${orderStates.map((state) => html`<span data-of="${state}">${text(`order.steps.${wayOf[state].at}`)}</span>`)}</span>
<time></time> <span class="paid"></span></a></li></template>`;

/** `orders.html`, one for all shoppers: the script asks for the orders of the one who is signed in. */
export function renderOrders(context: PageContext): string {
  const { text, each } = context.speech;
  return frame(
    each('orders.title'),
    { ...context, assets: { ...context.assets, js: context.assets.orders } },
    html`<main id="main" class="orders" data-page="orders">
<h1>${text('orders.title')}</h1>
<div class="needs-script" data-testid="orders-state" data-state="looking">
<p class="lead" role="status"><span data-of="looking">${text('orders.looking')}</span><span data-of="none" hidden>${text('orders.none')}</span><span data-of="signed-out" hidden>${text('orders.signedOut')}</span><span data-of="sign-in" hidden>${text('live.signIn.first')}</span></p>
<a class="buy" data-testid="sign-in" href="/" hidden>${text('orders.signIn')}</a>
<ul class="own-orders" data-testid="orders"></ul>
${row(context.speech)}
<p class="message" role="status" data-testid="message"></p>
<button class="quiet" type="button" data-testid="older" hidden>${text('orders.older')}</button>
</div>
<p><a data-testid="all-sales" href="/">${text('notice.toSales')}</a></p>
<noscript><p class="note">${text('orders.noScript')}</p></noscript>
</main>`,
  );
}
