import { html } from 'hono/html';
import { badge, frame, type PageContext, type PageSale, picture, price, stateOf, time, titlesOf } from './frame.ts';
import { calendarOf } from './render-calendar.ts';
import type { Markup, Speech } from './speech.ts';

function quantityField(perUser: number, { text }: Speech): Markup {
  const options = Array.from(
    { length: perUser },
    (_, index) => html`<option value="${index + 1}">${index + 1}</option>`,
  );
  return html`<div class="field row"${perUser > 1 ? '' : html` hidden`}><label for="quantity">${text('sale.quantity')}</label>
<select id="quantity" name="quantity" data-testid="quantity" autocomplete="off">${options}</select></div>`;
}

/** A question for a person, or a bar for a machine at work; the script fills in which. */
const questionField = (
  { challenge }: PageSale,
  { text, attribute }: Speech,
) => html`<div class="field question" data-testid="question-block"${challenge === 'none' ? html` hidden` : ''}>
<label for="answer" data-testid="question">${
  challenge === 'pow' ? text('sale.workFirst') : text('sale.questionFirst')
}</label>
${
  challenge === 'pow'
    ? html`<progress id="answer" max="100" value="0" data-testid="work"></progress>`
    : html`<input id="answer" name="answer" data-testid="answer" autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="done"${attribute('placeholder', 'sale.answer')} maxlength="64" disabled>`
}
</div>`;

const buyForm = (
  sale: PageSale,
  speech: Speech,
) => html`<form class="needs-script" data-testid="form" autocomplete="off" novalidate>
${quantityField(sale.limits.perUser, speech)}
${questionField(sale, speech)}
<button class="buy" type="submit" data-testid="buy" disabled>${speech.text('live.buy.wait')}</button>
<a class="buy" data-testid="sign-in" href="/" hidden></a>
<p class="message" role="status" data-testid="message"></p>
<p class="again"><a data-testid="last-order" href="/" hidden>${speech.text('sale.seeOrder')}</a></p>
</form>`;

function description({ description: text = '', translations }: PageSale, { inEach }: Speech): Markup | '' {
  const others = Object.entries(translations ?? {}).flatMap(([tag, { description: other }]) =>
    other === undefined ? [] : [[tag, other] as const],
  );
  const first = text || others[0]?.[1];
  if (first === undefined) return '';
  return html`<p class="description">${inEach({ en: first, ...Object.fromEntries(others) })}</p>`;
}

/** It is seen until the opening: style knows by the page's state. */
function calendarLink(sale: PageSale, context: PageContext): Markup | '' {
  const file = calendarOf(sale, context);
  if (file === null) return '';
  return html` <a class="calendar" data-testid="calendar" href="/${file}">${context.speech.text('sale.calendar')}</a>`;
}

/** `sales/<saleId>.html`. Without JavaScript: what is sold, when, for how much, and how it stood at `renderedAt`. */
export function renderSale(sale: PageSale, context: PageContext): string {
  const state = stateOf(sale, context.renderedAt);
  const { perUser } = sale.limits;
  const { text, attribute, inEach } = context.speech;
  const lead = sale.challengeLeadSeconds === undefined ? '' : html` data-lead-seconds="${sale.challengeLeadSeconds}"`;
  return frame(
    titlesOf(sale),
    context,
    html`<main id="main" class="sale" data-page="sale" data-sale-id="${sale.saleId}" data-state="${state}" data-challenge="${sale.challenge}" data-worker="${context.assets.worker}"${lead}>
<div class="picture">${picture(sale, 'page', context)}</div>
<div class="offer">
<h1>${inEach(titlesOf(sale))}</h1>
${price(sale)}
${description(sale, context.speech)}
<section class="panel"${attribute('aria-label', 'sale.buy')}>
<div class="status">${badge(state, context, 'state')}
<p class="clock needs-script"><span data-testid="countdown-label">${text('live.opensIn')}</span> <span class="digits" role="timer" data-testid="countdown">--:--:--</span></p></div>
<p class="advice needs-script" role="status" data-testid="advice">${text(`live.saleAdvice.${state}`)}</p>
${buyForm(sale, context.speech)}
<noscript><p class="note">${text('sale.asOf', { time: time(context.renderedAt.toISOString()) })}</p></noscript>
</section>
<dl class="facts">
<div><dt>${text('sale.opens')}</dt><dd>${time(sale.window.opensAt)}${calendarLink(sale, context)}</dd></div>
<div><dt>${text('sale.closes')}</dt><dd>${time(sale.window.closesAt)}</dd></div>
<div><dt>${text('sale.perPerson')}</dt><dd>${text('sale.upTo', { count: perUser })}</dd></div>
</dl>
</div>
</main>`,
  );
}
