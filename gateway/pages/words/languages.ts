import english from './en.json' with { type: 'json' };
import type { Language } from './words.ts';
import chinese from './zh.json' with { type: 'json' };

/** The languages that come with the pages. English comes first. */
export const builtInLanguages: readonly [Language, ...Language[]] = [
  { tag: 'en', words: english },
  { tag: 'zh', words: chinese },
];
