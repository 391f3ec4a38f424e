import { chooseLanguage } from './choose-language.ts';
import { fetchWords } from './fetch-words.ts';
import { languageKey } from './language-key.ts';

/*
 * Runs before the first paint: every language stands in the page, and style shows the one that the page's root names.
 * What the script will say in it is asked for at once, so that it comes beside the script.
 */
function chosen(): string {
  try {
    return localStorage.getItem(`seckill.${languageKey}`) ?? '';
  } catch {
    return ''; // storage is denied: the browser's languages have to do
  }
}

const prefix = 'data-words-';
const files = new Map(
  [...(document.currentScript?.attributes ?? [])]
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, value }) => [name.slice(prefix.length), value]),
);
const tag = chooseLanguage([chosen().replaceAll('"', ''), ...navigator.languages], [...files.keys()]);
const url = files.get(tag) ?? '';
const root = document.documentElement;
root.dataset.language = tag;
root.lang = /words\.([\w-]+)/.exec(url)?.[1] ?? tag; // assets.ts names the file so
if (/\.rtl\./.test(url)) root.dir = 'rtl';
const answer = fetchWords(url);
answer.catch(() => undefined); // words.ts asks again
globalThis.seckillWords = { url, answer };
