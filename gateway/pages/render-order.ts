import { html } from 'hono/html';
import { frame, type PageContext } from './frame.ts';
import { type OrderStep, orderSteps, statesOf } from './order-way.ts';
import { renderDetails } from './render-details.ts';
import { renderReceipt } from './render-receipt.ts';
import { supportLine } from './shop-parts.ts';
import type { Markup, Speech } from './speech.ts';

const fact = (name: 'place' | 'quantity' | 'amount', { text }: Speech): Markup =>
  html`<div><dt>${text(`order.${name}`)}</dt><dd data-testid="${name}">–</dd></div>`;

/** Every step that an order may take; the script shows those of its own way. */
function step(name: OrderStep, { text }: Speech): Markup {
  const { of, at } = statesOf(name);
  return html`<li data-of="${of.join(' ')}" data-at="${at.join(' ')}"${of.includes('queued') ? '' : html` hidden`}>${text(`order.steps.${name}`)}</li>`;
}

/** `order.html`, one for all orders: the script reads the id from the address. */
export function renderOrder(context: PageContext): string {
  const { speech } = context;
  const { text, each, attribute } = speech;
  return frame(
    each('order.title'),
    context,
    html`<main id="main" class="order" data-page="order" data-qr="${context.assets.qr}">
<section class="panel needs-script"${attribute('aria-label', 'order.title')}>
<p class="eyebrow" data-testid="title">${text('order.title')}</p>
<div role="status"><h1 data-testid="order-state">${text('order.looking')}</h1></div>
<p class="advice" data-testid="advice"></p>
<ol class="steps" data-testid="steps">${orderSteps.map((name) => step(name, speech))}</ol>
<p class="line" role="status" data-testid="ahead"></p>
<div class="due" data-testid="pay-by" hidden><span class="digits" role="timer" data-testid="countdown">--:--:--</span><p data-testid="pay-by-time"></p></div>
${renderDetails(context)}
<div class="actions" data-testid="actions" hidden>
<div class="scan" data-testid="scan" hidden>
<div class="qr" role="img"${attribute('aria-label', 'order.qr')} data-testid="qr"></div>
<a class="quiet open-app" rel="noreferrer" data-testid="open-app">${text('order.openApp')}</a>
</div>
<button class="buy" type="button" data-testid="pay" hidden>${text('order.pay')}</button>
<button class="quiet" type="button" data-testid="cancel" hidden>${text('order.cancel')}</button>
</div>
<a class="buy" data-testid="sign-in" href="/" hidden></a>
<p class="message" role="status" data-testid="message"></p>
<dl class="ticket-stub">${fact('place', speech)}
${fact('quantity', speech)}
${fact('amount', speech)}</dl>
<p class="fine">${text('order.number')} <code data-testid="order-id"></code></p>
<p class="fine ways"><a data-testid="sale-link" href="/">${text('order.toSale')}</a>
<button class="plain" type="button" data-testid="print" hidden>${text('order.receipt.print')}</button>
<button class="plain" type="button" data-testid="refund" hidden>${text('order.refund')}</button></p>
${supportLine(context)}
</section>
${renderReceipt(context)}
<noscript><p class="note">${text('order.noScript')}</p></noscript>
</main>`,
  );
}
