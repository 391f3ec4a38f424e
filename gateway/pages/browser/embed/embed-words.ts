import type { Plural } from '../../words/words.ts';

/** What the element says in one language: `embedWordsOf` of ../../embed-script.ts takes it out of the words of the pages. */
export type EmbedWords = {
  locale: string;
  dir: 'ltr' | 'rtl';
  saleLabels: Record<'draft' | 'upcoming' | 'open' | 'sold_out' | 'paused' | 'closed', string>;
  opensIn: string;
  daysAndClock: Plural;
  toSale: string;
};

declare global {
  /** By tag in small letters. esbuild writes them into the file. */
  const embedWords: Readonly<Record<string, EmbedWords>>;
}
