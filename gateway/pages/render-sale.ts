import { html } from 'hono/html';
import {
  badge,
  both,
  bothOf,
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

function quantityField(perUser: number): Markup {
  const options = Array.from(
    { length: perUser },
    (_, index) => html`<option value="${index + 1}">${index + 1}</option>`,
  );
  return html`<div class="field row"${perUser > 1 ? '' : html` hidden`}><label for="quantity">${both({ en: 'Quantity', zh: '数量' })}</label>
<select id="quantity" name="quantity" data-testid="quantity" autocomplete="off">${options}</select></div>`;
}

/** A question for a person, or a bar for a machine at work; the script fills in which. */
const questionField = ({
  challenge,
}: PageSale) => html`<div class="field question" data-testid="question-block"${challenge === 'none' ? html` hidden` : ''}>
<label for="answer" data-testid="question">${
  challenge === 'pow'
    ? both({ en: 'Your device does a short check before the opening.', zh: '开抢前，您的设备会做一次简短验证。' })
    : both({ en: 'Your question comes before the opening.', zh: '开抢前会出一道题。' })
}</label>
${
  challenge === 'pow'
    ? html`<progress id="answer" max="100" value="0" data-testid="work"></progress>`
    : html`<input id="answer" name="answer" data-testid="answer" autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="done" placeholder="Your answer" data-zh-placeholder="您的答案" maxlength="64" disabled>`
}
</div>`;

const buyForm = (sale: PageSale) => html`<form class="needs-script" data-testid="form" autocomplete="off" novalidate>
${quantityField(sale.limits.perUser)}
${questionField(sale)}
<button class="buy" type="submit" data-testid="buy" disabled>${bothOf(({ buy }) => buy.wait)}</button>
<p class="message" role="status" data-testid="message"></p>
<p class="again"><a data-testid="last-order" href="/" hidden>${both({ en: 'See your order in this sale', zh: '查看您在本次活动中的订单' })}</a></p>
</form>`;

function description({ description: text, translations }: PageSale): Markup | '' {
  const zhText = translations?.zh.description;
  if (text === undefined || text === '') return zhText === undefined ? '' : html`<p class="description">${zhText}</p>`;
  return html`<p class="description">${zhText === undefined ? text : both({ en: text, zh: zhText })}</p>`;
}

/** `sales/<saleId>.html`. Without JavaScript: what is sold, when, for how much, and how it stood at `renderedAt`. */
export function renderSale(sale: PageSale, context: PageContext): string {
  const state = stateOf(sale, context.renderedAt);
  const { perUser } = sale.limits;
  const lead = sale.challengeLeadSeconds === undefined ? '' : html` data-lead-seconds="${sale.challengeLeadSeconds}"`;
  return frame(
    `${sale.title} · Flash sale`,
    context,
    html`<main id="main" class="sale" data-page="sale" data-sale-id="${sale.saleId}" data-state="${state}" data-challenge="${sale.challenge}" data-worker="${context.assets.worker}"${lead}>
<div class="picture">${picture(sale, 'page', context)}</div>
<div class="offer">
<h1>${titleOf(sale)}</h1>
${price(sale)}
${description(sale)}
<section class="panel" aria-label="Buy" data-zh-aria-label="购买">
<div class="status">${badge(state, 'state')}
<p class="clock needs-script"><span data-testid="countdown-label">${bothOf(({ opensIn }) => opensIn)}</span> <span class="digits" role="timer" data-testid="countdown">--:--:--</span></p></div>
<p class="advice needs-script" role="status" data-testid="advice">${bothOf(({ saleAdvice }) => saleAdvice[state])}</p>
${buyForm(sale)}
<noscript><p class="note">${both({ en: 'This is how it stood on', zh: '以上状态截至' })} ${time(context.renderedAt.toISOString())}. ${both(
      {
        en: 'Reload to see the latest. To buy, please switch JavaScript on for this site and be here when the sale opens.',
        zh: '刷新可看最新状态。购买需要为本站启用 JavaScript，并在开抢时停留在本页。',
      },
    )}</p></noscript>
</section>
<dl class="facts">
<div><dt>${both({ en: 'Opens', zh: '开抢' })}</dt><dd>${time(sale.window.opensAt)}</dd></div>
<div><dt>${both({ en: 'Closes', zh: '结束' })}</dt><dd>${time(sale.window.closesAt)}</dd></div>
<div><dt>${both({ en: 'Per person', zh: '每人限购' })}</dt><dd>${both({ en: perUser === 1 ? '1 unit' : `up to ${perUser} units`, zh: `${perUser} 件` })}</dd></div>
</dl>
</div>
</main>`,
  );
}
