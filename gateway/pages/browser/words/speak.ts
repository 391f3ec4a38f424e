import { en } from './en.ts';
import type { Language, Words } from './words.ts';
import { zh } from './zh.ts';

/** The language that language.ts chose before the first paint. */
export const currentLanguage = (): Language => (document.documentElement.dataset.language === 'zh' ? 'zh' : 'en');

export const currentWords = (): Words => ({ en, zh })[currentLanguage()];
