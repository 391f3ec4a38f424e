import type { EmbedWords } from './browser/embed/embed-words.ts';
import { bundle } from './bundle.ts';
import { directionOf } from './words/direction.ts';
import type { Language } from './words/words.ts';

/** `embed.js`, the custom element `<seckill-sale>` in one file, with what it says in every language of the pages. */
export async function embedScript(languages: readonly Language[]): Promise<string> {
  const words = Object.fromEntries(languages.map((it) => [it.tag.toLowerCase(), embedWordsOf(it)]));
  const entry = new URL('./browser/embed/element.ts', import.meta.url);
  return bundle(entry, 'module', { embedWords: JSON.stringify(words) });
}

function embedWordsOf({ words: { language, live, embed } }: Language): EmbedWords {
  const { saleLabels, opensIn, daysAndClock } = live;
  return {
    locale: language.locale,
    dir: directionOf(language.lang),
    saleLabels,
    opensIn,
    daysAndClock,
    toSale: embed.toSale,
  };
}
