import { createHash } from 'node:crypto';
import { iconArt, productArt } from './art.ts';
import type { Brand } from './brand.ts';
import { bundle } from './bundle.ts';
import type { AssetUrls, Image } from './page-context.ts';
import type { Picture } from './picture.ts';
import { styleOfLanguages } from './speech.ts';
import { directionOf } from './words/direction.ts';
import type { Language, LiveWords } from './words/words.ts';

export type Asset = { file: string; content: string | Buffer };

function hashed(name: string, extension: string, content: string | Buffer): Asset {
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 10);
  return { file: `assets/${name}.${hash}.${extension}`, content };
}

const browser = (file: string) => new URL(`./browser/${file}`, import.meta.url);

/** The files that pages refer to, named by their content, so that a cache may keep them for ever. */
export async function buildAssets(
  saleIds: readonly string[],
  { languages, css: ownStyle, icon: ownIcon, logo }: Brand,
): Promise<{ files: Asset[]; urls: AssetUrls }> {
  const [js, orders, details, language, worker, qr, receipt, receiptCss, css] = await Promise.all([
    bundle(browser('app.ts'), 'module').then((text) => hashed('app', 'js', text)),
    bundle(browser('orders.ts'), 'module').then((text) => hashed('orders', 'js', text)),
    bundle(browser('order-details.ts'), 'script').then((text) => hashed('details', 'js', text)),
    bundle(browser('language.ts'), 'script').then((text) => hashed('language', 'js', text)),
    bundle(browser('work/worker.ts'), 'script').then((text) => hashed('work', 'js', text)),
    bundle(browser('qr.ts'), 'script').then((text) => hashed('qr', 'js', text)),
    bundle(browser('receipt.ts'), 'script').then((text) => hashed('receipt', 'js', text)),
    bundle(browser('style/receipt.css'), 'style').then((text) => hashed('receipt', 'css', text)),
    bundle(browser('style/app.css'), 'style').then((text) =>
      hashed('app', 'css', text + styleOfLanguages(languages) + ownStyle),
    ),
  ]);
  const icon = ownIcon === undefined ? hashed('icon', 'svg', iconArt) : hashed('icon', 'png', ownIcon);
  const logos = { light: logo && logoAsset(logo.light), dark: logo?.dark && logoAsset(logo.dark) };
  const words = languages.map((it) => [it.tag, wordsAsset(it)] as const);
  const artOf = (saleId: string) => hashed('art', 'svg', productArt(saleId));
  return {
    files: [
      ...[js, orders, details, language, worker, qr, receipt, receiptCss, css, icon],
      ...[logos.light?.asset, logos.dark?.asset].filter((asset) => asset !== undefined),
      ...words.map(([, file]) => file),
      ...saleIds.map(artOf),
    ],
    urls: {
      js: `/${js.file}`,
      orders: `/${orders.file}`,
      details: `/${details.file}`,
      language: `/${language.file}`,
      worker: `/${worker.file}`,
      qr: `/${qr.file}`,
      receipt: { js: `/${receipt.file}`, css: `/${receiptCss.file}` },
      css: `/${css.file}`,
      icon: { url: `/${icon.file}`, type: ownIcon === undefined ? 'image/svg+xml' : 'image/png' },
      ...(logos.light === undefined
        ? {}
        : { logo: { light: logos.light.image, ...(logos.dark === undefined ? {} : { dark: logos.dark.image }) } }),
      words: Object.fromEntries(words.map(([tag, { file }]) => [tag, `/${file}`])),
      art: (saleId) => `/${artOf(saleId).file}`,
    },
  };
}

/** Its name holds what `lang` and `dir` say of the page: language.ts needs that before the file is there. */
function wordsAsset({ tag, words: { language, live } }: Language): Asset {
  const content: LiveWords = { tag, locale: language.locale, live };
  const way = directionOf(language.lang) === 'rtl' ? '.rtl' : '';
  return hashed(`words.${language.lang}${way}`, 'json', JSON.stringify(content));
}

const webpAsset =
  (name: string) =>
  ({ width, height, webp }: Picture): { asset: Asset; image: Image } => {
    const asset = hashed(name, 'webp', webp);
    return { asset, image: { url: `/${asset.file}`, width, height } };
  };
/** A sale's own picture as an asset. */
export const pictureAsset = webpAsset('picture');
const logoAsset = webpAsset('logo');
