import type { PageContext } from './frame.ts';
import { createSpeech } from './speech.ts';
import { builtInLanguages } from './words/languages.ts';

/** What pages are rendered with in tests: no asset is built. */
export const testingContext = (renderedAt: Date, languages = builtInLanguages): PageContext => ({
  renderedAt,
  speech: createSpeech(languages),
  assets: {
    css: '/assets/app.1.css',
    js: '/assets/app.1.js',
    orders: '/assets/orders.1.js',
    language: '/assets/language.1.js',
    worker: '/assets/work.1.js',
    icon: '/assets/icon.1.svg',
    words: Object.fromEntries(languages.map(({ tag }) => [tag, `/assets/words.${tag}.1.json`])),
    art: () => '/assets/art.1.svg',
  },
});
