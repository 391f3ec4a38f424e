import { html } from 'hono/html';
import type { Image, PageContext } from './page-context.ts';
import type { Markup } from './speech.ts';

/** Logo, or icon and name: the way to all sales. */
export function mark({ assets, speech }: PageContext): Markup {
  const { logo, icon } = assets;
  if (logo === undefined) {
    return html`<a class="brand" href="/"><img src="${icon.url}" width="28" height="28" alt="">${speech.text('frame.shop')}</a>`;
  }
  const dark =
    logo.dark === undefined
      ? ''
      : html`<source srcset="${logo.dark.url}" ${sizeOf(logo.dark)} media="(prefers-color-scheme: dark)">`;
  return html`<a class="brand" href="/"><picture>${dark}<img src="${logo.light.url}" ${sizeOf(logo.light)}${speech.attribute('alt', 'frame.shop')}></picture></a>`;
}

/** Two pixels of the picture to a point, where it has as many. */
function sizeOf({ width, height }: Image): Markup {
  const part = height > 40 ? 2 : 1;
  return html`width="${Math.round(width / part)}" height="${Math.round(height / part)}"`;
}

export function footerLinks({ brand, speech }: PageContext): Markup | '' {
  if (brand.footer.length === 0) return '';
  return html`<ul class="links">${brand.footer.map(({ label, url }) => html`<li><a href="${url}" rel="noopener">${speech.inEach(label)}</a></li>`)}</ul>`;
}

/** Where a shopper asks a person. */
export function supportLine({ brand, speech }: PageContext): Markup | '' {
  if (brand.support === undefined) return '';
  const { url, label } = brand.support;
  return html`<p class="fine" data-testid="support">${speech.text('frame.support', { contact: html`<a href="${url}" rel="noopener">${label}</a>` })}</p>`;
}
