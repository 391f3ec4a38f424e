import { html } from 'hono/html';
import { effectiveState, type SaleNode, type SaleState } from '#contract/sale.ts';
import { formatMoney } from './browser/money.ts';
import { saleAdvice, saleLabels } from './browser/words.ts';

/** URLs of the hashed assets; `art` by sale id. */
export type AssetUrls = { css: string; js: string; icon: string; art: (saleId: string) => string };
export type PageContext = { renderedAt: Date; assets: AssetUrls };
/** A sale as the pages show it. The description lives in the catalogue only, so it may be missing. */
export type PageSale = SaleNode & { description?: string };
type Markup = ReturnType<typeof html>;

const utc = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
const time = (iso: string) => html`<time datetime="${iso}">${utc.format(new Date(iso))} UTC</time>`;

function stateOf(sale: SaleNode, at: Date): SaleState {
  const { opensAt, closesAt } = sale.window;
  return effectiveState(sale.state, Date.parse(opensAt), Date.parse(closesAt), at.getTime());
}

/**
 * The frame of every page. No inline script, style or style attribute: the edge's Content-Security-Policy allows
 * none. Whatever comes from a sale goes through the escaping of `html`.
 */
function frame(title: string, { assets }: PageContext, main: Markup): string {
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="stylesheet" href="${assets.css}">
<link rel="icon" type="image/svg+xml" href="${assets.icon}">
<script type="module" src="${assets.js}"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><a class="brand" href="/"><img src="${assets.icon}" width="28" height="28" alt="">Flash sale</a></header>
${main}
<footer class="foot"><p>First come, first served. Everyone waits at the same door.</p></footer>
</body>
</html>
`);
}

const badge = (state: SaleState, testId?: string) =>
  html`<span class="badge" data-state="${state}"${testId === undefined ? '' : html` data-testid="${testId}"`}>${saleLabels[state]}</span>`;

const price = ({ price: money }: SaleNode) =>
  html`<p class="price"><span class="sum">${formatMoney(money)}</span> <span class="code">${money.currency}</span></p>`;

function card(sale: PageSale, { assets, renderedAt }: PageContext): Markup {
  const state = stateOf(sale, renderedAt);
  return html`<li class="card" data-sale-id="${sale.saleId}" data-state="${state}">
<a href="/sales/${sale.saleId}">
<img src="${assets.art(sale.saleId)}" width="640" height="440" alt="" loading="lazy">
<div class="card-text">${badge(state)}<h2>${sale.title}</h2>${price(sale)}<p class="when">From ${time(sale.window.opensAt)}</p></div>
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
      ? html`<p class="empty">Nothing is on sale right now. Come back soon.</p>`
      : html`<ul class="cards">${sorted.map((sale) => card(sale, context))}</ul>`;
  return frame(
    'Flash sale',
    context,
    html`<main id="main" class="list" data-page="list">
<h1>Small stock. One moment. Fair to all.</h1>
<p class="lead">Pick a sale and stay on its page: the button comes alive by itself.</p>
${list}
<noscript><p class="note">As of ${time(context.renderedAt.toISOString())}. Reload to see the latest.</p></noscript>
</main>`,
  );
}

function quantityField(perUser: number): Markup {
  const options = Array.from(
    { length: perUser },
    (_, index) => html`<option value="${index + 1}">${index + 1}</option>`,
  );
  return html`<div class="field row"${perUser > 1 ? '' : html` hidden`}><label for="quantity">Quantity</label>
<select id="quantity" name="quantity" data-testid="quantity" autocomplete="off">${options}</select></div>`;
}

const buyForm = (sale: PageSale) => html`<form class="needs-script" data-testid="form" autocomplete="off" novalidate>
${quantityField(sale.limits.perUser)}
<div class="field question" data-testid="question-block"${sale.challenge === 'none' ? html` hidden` : ''}>
<label for="answer" data-testid="question">Your question comes before the opening.</label>
<input id="answer" name="answer" data-testid="answer" autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="done" placeholder="Your answer" maxlength="64" disabled>
</div>
<button class="buy" type="submit" data-testid="buy" disabled>One moment…</button>
<p class="message" role="status" data-testid="message"></p>
<p class="again"><a data-testid="last-order" href="/" hidden>See your order in this sale</a></p>
</form>`;

/** `sales/<saleId>.html`. Without JavaScript: what is sold, when, for how much, and how it stood at `renderedAt`. */
export function renderSale(sale: PageSale, context: PageContext): string {
  const state = stateOf(sale, context.renderedAt);
  const { perUser } = sale.limits;
  return frame(
    `${sale.title} · Flash sale`,
    context,
    html`<main id="main" class="sale" data-page="sale" data-sale-id="${sale.saleId}" data-state="${state}" data-challenge="${sale.challenge}">
<div class="picture"><img src="${context.assets.art(sale.saleId)}" width="640" height="440" alt="" fetchpriority="high"></div>
<div class="offer">
<h1>${sale.title}</h1>
${price(sale)}
${sale.description === undefined || sale.description === '' ? '' : html`<p class="description">${sale.description}</p>`}
<section class="panel" aria-label="Buy">
<div class="status">${badge(state, 'state')}
<p class="clock needs-script"><span data-testid="countdown-label">Opens in</span> <span class="digits" role="timer" data-testid="countdown">--:--:--</span></p></div>
<p class="advice needs-script" role="status" data-testid="advice">${saleAdvice[state]}</p>
${buyForm(sale)}
<noscript><p class="note">This is how it stood on ${time(context.renderedAt.toISOString())}. Reload to see the latest. To buy, please switch JavaScript on for this site and be here when the sale opens.</p></noscript>
</section>
<dl class="facts">
<div><dt>Opens</dt><dd>${time(sale.window.opensAt)}</dd></div>
<div><dt>Closes</dt><dd>${time(sale.window.closesAt)}</dd></div>
<div><dt>Per person</dt><dd>${perUser === 1 ? '1 unit' : `up to ${perUser} units`}</dd></div>
</dl>
</div>
</main>`,
  );
}

/** `order.html`, one for all orders: the script reads the id from the address. */
export function renderOrder(context: PageContext): string {
  return frame(
    'Your order · Flash sale',
    context,
    html`<main id="main" class="order" data-page="order">
<section class="panel needs-script" aria-label="Your order">
<p class="eyebrow" data-testid="title">Your order</p>
<h1 role="status" data-testid="order-state">Looking for your order…</h1>
<p class="advice" data-testid="advice"></p>
<ol class="steps" data-testid="steps"><li>In the queue</li><li>Order ready</li><li>Paid</li></ol>
<div class="due" data-testid="pay-by" hidden><span class="digits" role="timer" data-testid="countdown">--:--:--</span><p data-testid="pay-by-time"></p></div>
<div class="ticket-stub"><div><span class="tag">Place</span><strong data-testid="place">–</strong></div>
<div><span class="tag">Quantity</span><strong data-testid="quantity">–</strong></div>
<div><span class="tag">Amount</span><strong data-testid="amount">–</strong></div></div>
<p class="message" role="status" data-testid="ahead"></p>
<p class="message" role="status" data-testid="message"></p>
<p class="fine">Order <code data-testid="order-id"></code></p>
<p class="fine"><a data-testid="sale-link" href="/">Back to the sale</a></p>
</section>
<noscript><p class="note">To see your order, please switch JavaScript on for this site, then reload.</p></noscript>
</main>`,
  );
}
