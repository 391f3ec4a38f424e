import { html } from 'hono/html';
import { type ReceiptState, receiptStates } from './browser/receipt-states.ts';
import { wayOf } from './order-way.ts';
import type { PageContext } from './page-context.ts';
import { supportLine } from './shop-parts.ts';
import type { Markup, Speech } from './speech.ts';
import type { Key } from './words/words.ts';

const line = (key: Key, name: string, value: Markup | '', { text }: Speech): Markup =>
  html`<div><dt>${text(key)}</dt><dd data-testid="receipt-${name}">${value}</dd></div>`;

/** The script keeps the one that the order is in. */
const stateText = (state: ReceiptState, { text }: Speech): Markup =>
  html`<span data-of="${state}">${text(`order.steps.${wayOf[state].at}`)}</span>`;

/** The receipt of an order whose money was taken: seen on paper alone (style/receipt.css); its script comes only then. */
export function renderReceipt(context: PageContext): Markup {
  const { assets, speech } = context;
  const { text } = speech;
  return html`<link rel="stylesheet" href="${assets.receipt.css}" media="print">
<section class="receipt" data-testid="receipt" data-script="${assets.receipt.js}" hidden>
<p class="shop">${text('frame.shop')}</p>
<h2>${text('order.receipt.title')}</h2>
<dl>${line('order.number', 'number', '', speech)}
${line('order.receipt.item', 'item', '', speech)}
${line('order.quantity', 'quantity', '', speech)}
${line('order.amount', 'amount', '', speech)}
${line('order.receipt.status', 'state', html`${receiptStates.map((state) => stateText(state, speech))}`, speech)}
${line('order.receipt.payment', 'payment', text('order.receipt.atShop'), speech)}
${line('order.receipt.ordered', 'ordered', '', speech)}
${line('order.receipt.printed', 'printed', '', speech)}</dl>
${supportLine(context)}
</section>`;
}
