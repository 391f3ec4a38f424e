import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isLanguageTag, maxOtherLanguages, mustBeLanguageTag } from '#contract/language-tag.ts';
import { readJsonFile } from '#runtime/files/json-file.ts';
import { checkWords } from './check-words.ts';
import { inLanguage } from './in-language.ts';
import { builtInLanguages } from './languages.ts';
import type { Language } from './words.ts';

const maxBytes = 200_000;

/**
 * The languages of the pages with a shop's own in `folder`, `<language tag>.json` each: some texts of a language that there is, or a
 * new one, whose missing texts are those of the language that it is a kind of, else English. A folder that is not there holds none.
 */
export async function readWords(folder: string): Promise<{ languages: [Language, ...Language[]]; problems: string[] }> {
  const [english, ...others] = builtInLanguages;
  const languages = new Map<string, Language>([english, ...others].map((language) => [language.tag, language]));
  const problems: string[] = [];
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') problems.push(`words: cannot be read: ${error.message}`);
    return [];
  });
  // English first, for it is what others fall back to; a language before its kinds.
  const rank = (name: string) => Number(name !== 'en.json');
  const files = names.filter((it) => !it.startsWith('.'));
  for (const name of files.sort((a, b) => rank(a) - rank(b) || Number(a > b) - Number(a < b))) {
    const at = `words/${name}`;
    const tag = name.replace(/\.json$/, '');
    if (tag === name || !isLanguageTag(tag)) {
      problems.push(`${at}: the name before .json ${mustBeLanguageTag}`);
      continue;
    }
    const given = await readJsonFile(join(folder, name), maxBytes).catch((error: Error) => {
      problems.push(`${at} ${error.message}`);
      return undefined;
    });
    if (given === undefined) continue;
    const base = inLanguage(Object.fromEntries(languages), tag) ?? english;
    const checked = checkWords(tag, given, base, !languages.has(tag));
    problems.push(...checked.problems.map((problem) => `${at}: ${problem}`));
    languages.set(tag, checked.language);
  }
  if (languages.size > maxOtherLanguages + 1)
    problems.push(`words: must be at most ${maxOtherLanguages + 1} languages in all`);
  return {
    languages: [languages.get('en') ?? english, ...[...languages.values()].filter(({ tag }) => tag !== 'en')],
    problems,
  };
}
