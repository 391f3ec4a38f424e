import { html, raw } from 'hono/html';
import type { CollectedDetail } from '#contract/sale.ts';
import type { PageContext } from './page-context.ts';
import type { Markup } from './speech.ts';

/**
 * `name`: as a refusal names it (contract/order-details.ts). `key`: of its label. `fills`: what a browser knows it by
 * (HTML, autofill). `most`: characters.
 */
const fields = {
  name: [{ name: 'name', key: 'name', type: 'text', fills: 'name', most: 120 }],
  email: [{ name: 'email', key: 'email', type: 'email', fills: 'email', most: 254 }],
  phone: [{ name: 'phone', key: 'phone', type: 'tel', fills: 'tel', most: 40 }],
  address: [
    { name: 'address.country', key: 'country', type: 'select', fills: 'country', most: 2 },
    { name: 'address.lines.0', key: 'street', type: 'text', fills: 'address-line1', most: 120 },
    { name: 'address.lines.1', key: 'more', type: 'text', fills: 'address-line2', most: 120 },
    { name: 'address.city', key: 'city', type: 'text', fills: 'address-level2', most: 120 },
    { name: 'address.region', key: 'region', type: 'text', fills: 'address-level1', most: 120 },
    { name: 'address.postalCode', key: 'postalCode', type: 'text', fills: 'postal-code', most: 20 },
  ],
} as const satisfies Record<CollectedDetail, readonly object[]>;

type Field = (typeof fields)[CollectedDetail][number];

function field({ name, key, type, fills, most }: Field, { speech }: PageContext): Markup {
  const id = `details-${name.replaceAll('.', '-')}`;
  const common = raw(`id="${id}" name="${name}" autocomplete="${fills}" aria-describedby="${id}-problem"`); // all of it is of the table above
  const input =
    type === 'select'
      ? html`<select ${common}></select>`
      : html`<input ${common} type="${type}" maxlength="${most}" dir="auto">`;
  return html`<p><label for="${id}">${speech.text(`order.details.${key}`)}</label>${input}
<span class="problem" id="${id}-problem"></span></p>`;
}

/** Contact and address: shown where the sale asks for them, each field by itself; its script comes only then. */
export function renderDetails(context: PageContext): Markup {
  const { speech, assets } = context;
  const groups = Object.entries(fields).map(
    ([detail, each]) => html`<div data-detail="${detail}" hidden>${each.map((one) => field(one, context))}</div>`,
  );
  return html`<form class="details" data-testid="details" data-script="${assets.details}" novalidate hidden${speech.attribute('aria-label', 'order.details.title')}>
<h2>${speech.text('order.details.title')}</h2>
<p class="fine">${speech.text('order.details.why')}</p>
${groups}
<button class="buy" type="submit" data-testid="give-details">${speech.text('order.details.give')}</button>
<p class="message" role="alert" data-testid="details-message"></p>
</form>
<button class="plain" type="button" data-testid="change-details" hidden>${speech.text('order.details.change')}</button>`;
}
