import { builtInLanguages } from '../words/languages.ts';
import { toWords, type Words } from './words.ts';

/** What the script says in a language of the pages, for tests. */
export function testingWords(tag: 'en' | 'zh'): Words {
  const [english, ...others] = builtInLanguages;
  const { words } = others.find((it) => it.tag === tag) ?? english;
  return toWords({ tag, locale: words.language.locale, live: words.live });
}
