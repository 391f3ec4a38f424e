import { html, raw } from 'hono/html';
import { effectiveState, type SaleNode, type SaleState } from '#contract/sale.ts';
import type { PageSignIn } from '#contract/sign-in.ts';
import { formatMoney } from './browser/money.ts';
import type { PageContext, PageSale } from './page-context.ts';
import type { PictureSize } from './picture.ts';
import { footerLinks, mark } from './shop-parts.ts';
import { classOf, type Markup, type Texts } from './speech.ts';
import { inLanguage } from './words/in-language.ts';
import type { Language } from './words/words.ts';

export type { AssetUrls, Image, PageContext, PageSale } from './page-context.ts';

/** UTC in the same figures for every language; the script makes it the visitor's own. */
export const time = (iso: string): Markup =>
  html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`;

export function stateOf(sale: SaleNode, at: Date): SaleState {
  const { opensAt, closesAt } = sale.window;
  return effectiveState(sale.state, Date.parse(opensAt), Date.parse(closesAt), at.getTime());
}

/** In each language in which the shop wrote it. */
export const titlesOf = ({ title, translations }: SaleNode): Texts => ({
  en: title,
  ...Object.fromEntries(Object.entries(translations ?? {}).map(([tag, { title }]) => [tag, title])),
});

export const badge = (state: SaleState, { speech }: PageContext, testId?: string): Markup =>
  html`<span class="badge" data-state="${state}"${testId === undefined ? '' : html` data-testid="${testId}"`}>${speech.text(`live.saleLabels.${state}`)}</span>`;

export const price = ({ price: money }: SaleNode): Markup =>
  html`<p class="price"><span class="sum">${formatMoney(money)}</span> <span class="code">${money.currency}</span></p>`;

/** The alternative text is empty: the title stands beside every picture. */
export function picture(sale: PageSale, size: PictureSize, { assets }: PageContext): Markup {
  const hint = size === 'page' ? raw('fetchpriority="high"') : raw('loading="lazy"');
  const own = sale.images?.[size];
  return own === undefined
    ? html`<img class="drawn" src="${assets.art(sale.saleId)}" width="640" height="440" alt="" ${hint}>`
    : html`<img class="own" src="${own.url}" width="${own.width}" height="${own.height}" alt="" ${hint}>`;
}

/** The page that this one could be taken for is named by its own title; the list's is the shop's name alone. */
function titleElement(titles: Texts | null, { speech }: PageContext): Markup {
  const whole = speech.each('frame.shop');
  const named =
    titles === null
      ? whole
      : speech.each('frame.title', (tag) => ({
          page: inLanguage(titles, tag) ?? titles.en,
          shop: inLanguage(whole, tag) ?? whole.en,
        }));
  return html`<title${speech.languages.map(({ tag }) => html` data-${tag.toLowerCase()}="${inLanguage(named, tag) ?? named.en}"`)}>${named.en}</title>`;
}

/** Of two languages a button that names the other one. Of more a list: only a press chooses, none by passing by. */
function languageSwitch({ speech }: PageContext): Markup | '' {
  const [first, second, ...more] = speech.languages;
  if (second === undefined) return '';
  const named = (shown: Language, { words }: Language) =>
    html`<span class="${classOf(shown.tag)}" lang="${words.language.lang}">${words.language.name}</span>`;
  if (more.length === 0) {
    return html`<button class="language needs-script" type="button" data-testid="language" data-choose="${second.tag}" data-${second.tag.toLowerCase()}-data-choose="${first.tag}">${named(first, second)}${named(second, first)}</button>`;
  }
  return html`<details class="languages needs-script"><summary class="language" data-testid="language"${speech.attribute('title', 'frame.language')}>${speech.languages.map((it) => named(it, it))}</summary>
<ul>${speech.languages.map(({ tag, words }) => html`<li><button type="button" data-choose="${tag}" lang="${words.language.lang}">${words.language.name}</button></li>`)}</ul></details>`;
}

/** The shop's sign-in as the script reads it (browser/sign-in.ts). */
const signInOf = ({ url, cookie }: PageSignIn): Markup =>
  html` data-sign-in="${url}"${cookie === undefined ? '' : html` data-sign-in-cookie="${cookie}"`}`;

/** Where the token is kept in the browser, it can be put away there; the cookie of the shop's domain is the shop's. */
const signOut = ({ signIn, speech }: PageContext): Markup | '' =>
  signIn === undefined || signIn.cookie !== undefined
    ? ''
    : html`<button class="language" type="button" data-testid="sign-out" hidden>${speech.text('frame.signOut')}</button>`;

/**
 * The frame of every page. No inline script, style or style attribute: the edge's Content-Security-Policy allows
 * none. Whatever comes from a sale goes through the escaping of `html`.
 *
 * @param titles of the page, before the shop's name; null where that is all.
 */
export function frame(titles: Texts | null, context: PageContext, main: Markup): string {
  const { assets, brand, speech, signIn } = context;
  const words = Object.entries(assets.words).map(([tag, url]) => html` data-words-${tag.toLowerCase()}="${url}"`);
  return String(html`<!doctype html>
<html lang="en"${signIn === undefined ? '' : signInOf(signIn)}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="${brand.colours.light.background}" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="${brand.colours.dark.background}" media="(prefers-color-scheme: dark)">
${titleElement(titles, context)}
<script src="${assets.language}"${words}></script>
<link rel="stylesheet" href="${assets.css}">
<link rel="icon" type="${assets.icon.type}" href="${assets.icon.url}">
<script type="module" src="${assets.js}"></script>
</head>
<body>
<a class="skip" href="#main">${speech.text('frame.skip')}</a>
<header class="top">${mark(context)}
<div class="choices"><a class="to-orders needs-script" data-testid="my-orders" href="/orders">${speech.text('orders.title')}</a>
${signOut(context)}${languageSwitch(context)}</div></header>
${main}
<footer class="foot"><p>${speech.text('frame.promise')}</p>${footerLinks(context)}</footer>
</body>
</html>
`);
}
