import { html, raw } from 'hono/html';
import { effectiveState, type SaleNode, type SaleState } from '#contract/sale.ts';
import { formatMoney } from './browser/money.ts';
import { en } from './browser/words/en.ts';
import type { Both } from './browser/words/words.ts';
import { zh } from './browser/words/zh.ts';
import type { Picture, PictureSize } from './picture.ts';

/** What a page shows of a picture: where it is, and its own size, so that nothing moves when it comes. */
export type Image = { url: string } & Pick<Picture, 'width' | 'height'>;
/** URLs of the hashed assets; `art` is the drawn picture of a sale without one of its own. */
export type AssetUrls = {
  css: string;
  js: string;
  language: string;
  worker: string;
  icon: string;
  art: (saleId: string) => string;
};
export type PageContext = { renderedAt: Date; assets: AssetUrls };
/** A sale as the pages show it. Description and picture live in the catalogue only, so they may be missing. */
export type PageSale = SaleNode & { description?: string; images?: Record<PictureSize, Image> };
export type Markup = ReturnType<typeof html>;

/**
 * Both languages, side by side; style shows the one that the page's root names, and both to a visitor without script.
 * One file for everybody: a CDN keeps one copy, whatever Accept-Language says (docs/decisions/0009).
 */
export const both = (text: Both): Markup =>
  html`<span class="en" lang="en">${text.en}</span><span class="zh" lang="zh-Hans">${text.zh}</span>`;

export const bothOf = (pick: (words: typeof en) => string): Markup => both({ en: pick(en), zh: pick(zh) });

/** UTC in the same figures for every language; the script makes it the visitor's own. */
export const time = (iso: string): Markup =>
  html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`;

export function stateOf(sale: SaleNode, at: Date): SaleState {
  const { opensAt, closesAt } = sale.window;
  return effectiveState(sale.state, Date.parse(opensAt), Date.parse(closesAt), at.getTime());
}

/** In Chinese where the shop wrote it, else the same in both. */
export function titleOf({ title, translations }: SaleNode): Markup {
  const zhTitle = translations?.zh.title;
  return zhTitle === undefined ? html`${title}` : both({ en: title, zh: zhTitle });
}

export const badge = (state: SaleState, testId?: string): Markup =>
  html`<span class="badge" data-state="${state}"${testId === undefined ? '' : html` data-testid="${testId}"`}>${bothOf(({ saleLabels }) => saleLabels[state])}</span>`;

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

/**
 * The frame of every page. No inline script, style or style attribute: the edge's Content-Security-Policy allows
 * none. Whatever comes from a sale goes through the escaping of `html`.
 */
export function frame(title: string, { assets }: PageContext, main: Markup): string {
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#faf6f1" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#15110e" media="(prefers-color-scheme: dark)">
<title>${title}</title>
<script src="${assets.language}"></script>
<link rel="stylesheet" href="${assets.css}">
<link rel="icon" type="image/svg+xml" href="${assets.icon}">
<script type="module" src="${assets.js}"></script>
</head>
<body>
<a class="skip" href="#main">${both({ en: 'Skip to the content', zh: '跳到正文' })}</a>
<header class="top"><a class="brand" href="/"><img src="${assets.icon}" width="28" height="28" alt="">${both({ en: 'Flash sale', zh: '限时抢购' })}</a>
<button class="language needs-script" type="button" data-testid="language"><span class="en" lang="zh-Hans">中文</span><span class="zh" lang="en">English</span></button></header>
${main}
<footer class="foot"><p>${both({ en: 'First come, first served. Everyone waits at the same door.', zh: '先到先得，人人走同一扇门。' })}</p></footer>
</body>
</html>
`);
}
