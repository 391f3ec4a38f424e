import { createHash } from 'node:crypto';
import { iconArt, productArt } from './art.ts';
import { bundle } from './bundle.ts';
import type { AssetUrls, Image } from './frame.ts';
import type { Picture } from './picture.ts';
import { styleOfLanguages } from './speech.ts';
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
  languages: readonly Language[],
): Promise<{ files: Asset[]; urls: AssetUrls }> {
  const [js, orders, language, worker, css] = await Promise.all([
    bundle(browser('app.ts'), 'module').then((text) => hashed('app', 'js', text)),
    bundle(browser('orders.ts'), 'module').then((text) => hashed('orders', 'js', text)),
    bundle(browser('language.ts'), 'script').then((text) => hashed('language', 'js', text)),
    bundle(browser('work/worker.ts'), 'script').then((text) => hashed('work', 'js', text)),
    bundle(browser('style/app.css'), 'style').then((text) => hashed('app', 'css', text + styleOfLanguages(languages))),
  ]);
  const icon = hashed('icon', 'svg', iconArt);
  const words = languages.map((it) => [it.tag, wordsAsset(it)] as const);
  const artOf = (saleId: string) => hashed('art', 'svg', productArt(saleId));
  return {
    files: [js, orders, language, worker, css, icon, ...words.map(([, file]) => file), ...saleIds.map(artOf)],
    urls: {
      js: `/${js.file}`,
      orders: `/${orders.file}`,
      language: `/${language.file}`,
      worker: `/${worker.file}`,
      css: `/${css.file}`,
      icon: `/${icon.file}`,
      words: Object.fromEntries(words.map(([tag, { file }]) => [tag, `/${file}`])),
      art: (saleId) => `/${artOf(saleId).file}`,
    },
  };
}

/** Its name holds what `lang` says of the page: language.ts needs that before the file is there. */
function wordsAsset({ tag, words: { language, live } }: Language): Asset {
  const content: LiveWords = { tag, locale: language.locale, live };
  return hashed(`words.${language.lang}`, 'json', JSON.stringify(content));
}

/** A sale's own picture as an asset. */
export function pictureAsset({ width, height, webp }: Picture): { asset: Asset; image: Image } {
  const asset = hashed('picture', 'webp', webp);
  return { asset, image: { url: `/${asset.file}`, width, height } };
}
