import { type Brand, ownBrand } from './brand.ts';
import type { PageContext } from './page-context.ts';
import { createSpeech } from './speech.ts';

/** What pages are rendered with in tests: no asset is built. */
export const testingContext = (renderedAt: Date, brand: Brand = ownBrand): PageContext => ({
  renderedAt,
  brand,
  speech: createSpeech(brand.languages),
  assets: {
    css: '/assets/app.1.css',
    js: '/assets/app.1.js',
    orders: '/assets/orders.1.js',
    details: '/assets/details.1.js',
    language: '/assets/language.1.js',
    worker: '/assets/work.1.js',
    qr: '/assets/qr.1.js',
    receipt: { js: '/assets/receipt.1.js', css: '/assets/receipt.1.css' },
    icon: { url: '/assets/icon.1.svg', type: 'image/svg+xml' },
    words: Object.fromEntries(brand.languages.map(({ tag }) => [tag, `/assets/words.${tag}.1.json`])),
    art: () => '/assets/art.1.svg',
  },
});
