import { languageKey } from './language-key.ts';

/*
 * Runs before the first paint: both languages stand in the page, and style shows the one that the page's root names.
 * What the visitor chose by hand counts before the browser's languages; whoever reads neither gets English.
 */
function chosen(): string {
  try {
    return localStorage.getItem(`seckill.${languageKey}`) ?? '';
  } catch {
    return ''; // storage is denied: the browser's languages have to do
  }
}

const wanted = [chosen().replaceAll('"', ''), ...navigator.languages].find((tag) => /^(zh|en)\b/i.test(tag)) ?? 'en';
const isChinese = /^zh/i.test(wanted);
document.documentElement.dataset.language = isChinese ? 'zh' : 'en';
document.documentElement.lang = isChinese ? 'zh-Hans' : 'en';
