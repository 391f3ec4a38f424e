import { html } from 'hono/html';
import { innerPage } from '../inner/inner-page.ts';

type Markup = ReturnType<typeof html>;

/** The steps of the funnel, in the order in which a purchase takes them. */
const steps = [
  ['arrived', 'Arrived'],
  ['shed', 'Shed'],
  ['passed', 'Passed'],
  ['accepted', 'Accepted'],
  ['queued', 'Queued'],
  ['stored', 'Stored'],
  ['paid', 'Paid'],
  ['expired', 'Expired'],
] as const;

const charts = [
  ['flow', 'Purchases a second', 'arrived, passed, accepted and stored a second'],
  ['shed', 'Shed a second, by reason', 'requests that the edges refused a second, by reason'],
  ['units', 'Units', 'free, queued, stored, paid and expired units'],
  ['lag', 'Relay lag, ms', 'age of the oldest accepted order that no relay has moved'],
] as const;

/** The chart's figures to read: of the second that is looked at, every reason there is. */
const shedTable = html`<div class="scroll" tabindex="0" role="region" aria-label="Shed, by reason"><table><thead><tr><th scope="col">reason</th><th scope="col">so far</th><th scope="col">a second</th></tr></thead><tbody id="shed-reasons" data-testid="shed-reasons"></tbody></table></div>`;

const panel = (id: string, title: string, body: Markup): Markup =>
  html`<section class="panel" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${body}</section>`;

/** What browser/app.ts fills. */
export function renderConsole(): string {
  return innerPage({
    title: 'seckill console',
    style: '/console/assets/console.css',
    script: '/console/assets/console.js',
    body: html`<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<span class="brand">seckill console</span>
<p class="badge" id="link" data-state="upcoming" data-testid="link">connecting</p>
<nav aria-label="also here"><a href="/console/queues">Queues</a> <a href="/reference">API</a></nav>
<form method="post" action="/console/logout"><button class="quiet" type="submit">Sign out</button></form>
</header>
<main id="main">
<h1 class="visually-hidden">The sale, live</h1>
<noscript><p class="alert">The console needs JavaScript. Without it: <code>npx seckill watch</code>.</p></noscript>
<ul id="unknown" class="alert" role="status" hidden data-testid="unknown"></ul>
<div class="choose">
<label for="sale">Sale</label><select id="sale" data-testid="sale"></select>
<span id="sale-state" class="badge" data-testid="sale-state"></span>
<span id="sale-facts" class="soft" data-testid="sale-facts"></span>
</div>
<dl class="funnel" id="funnel" data-testid="funnel">${steps.map(([id, name]) => html`<div data-step="${id}"><dt>${name}</dt><dd><b data-testid="${id}">–</b> <span class="soft">&nbsp;</span></dd></div>`)}</dl>
<div class="moment">
<label for="moment">Look back</label>
<input id="moment" type="range" min="-3600" max="0" value="0" step="1" aria-describedby="moment-says">
<output id="moment-says" for="moment" data-testid="moment">now</output>
<button id="to-now" class="quiet" type="button" hidden>Back to now</button>
<label for="span">Show</label>
<select id="span"><option value="300">5 minutes</option><option value="900">15 minutes</option><option value="3600">the last hour</option></select>
</div>
<div class="charts">${charts.map(([id, title, says]) => html`<figure class="panel"><figcaption><h2>${title}</h2><span class="visually-hidden">A chart of ${says}; the figures of any second are above, by “Look back”.</span></figcaption><div id="chart-${id}" class="chart" aria-hidden="true" data-testid="chart-${id}"></div>${id === 'shed' ? shedTable : ''}</figure>`)}</div>
<div class="panels">
${panel('edges', 'Edges', html`<div class="scroll" tabindex="0" role="region" aria-labelledby="edges-title"><table><thead><tr><th scope="col">edge</th><th scope="col">this sale</th><th scope="col">state</th><th scope="col">settings</th><th scope="col">a user</th><th scope="col">an address</th><th scope="col">in flight</th><th scope="col">ticket keys</th></tr></thead><tbody id="edges" data-testid="edges"></tbody></table></div>`)}
${panel('sales', 'Sales', html`<div class="scroll" tabindex="0" role="region" aria-labelledby="sales-title"><table><thead><tr><th scope="col">sale</th><th scope="col">state</th><th scope="col">epoch</th><th scope="col">free</th><th scope="col">outbox</th></tr></thead><tbody id="sales" data-testid="sales"></tbody></table></div><p id="left-out" class="soft" hidden></p>`)}
${panel(
  'drain',
  'Drain',
  html`<dl class="facts" id="drain" data-testid="drain"></dl><ul id="because" class="warn" hidden></ul>
<form id="rate-form" class="row"><label for="rate">Orders a second</label><input id="rate" type="number" min="1" max="1000000" inputmode="numeric" required><button type="submit" data-testid="set-rate">Set rate</button></form>
<div class="row"><button type="button" id="no-limit">No limit</button><button type="button" id="pause" data-testid="pause">Pause</button><button type="button" id="resume" data-testid="resume">Resume</button></div>
<p id="drain-says" role="status" data-testid="drain-says"></p>`,
)}
${panel('dead', 'Dead letters', html`<ul id="dead-counts" class="plain" data-testid="dead-counts"></ul><div class="row"><button type="button" id="dead-list" data-testid="dead-list">List</button><button type="button" id="dead-retry" data-testid="dead-retry">Retry all</button></div><p id="dead-says" role="status" data-testid="dead-says"></p><ul id="dead-letters" class="letters" data-testid="dead-letters"></ul>`)}
${panel('audit', 'Audit', html`<div class="row"><button type="button" id="audit" data-testid="audit">Audit this sale</button></div><div id="audit-result" role="status" data-testid="audit-result"></div>`)}
</div>
</main>
<dialog id="ask" aria-labelledby="ask-what"><form method="dialog"><p id="ask-what"></p><div class="row"><button value="yes" data-testid="yes">Do it</button><button value="no" class="quiet" autofocus>Leave it</button></div></form></dialog>
</body>`,
  });
}
