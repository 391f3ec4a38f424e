import { createFill, type Values } from '../words/fill.ts';
import type { LiveWords, Text } from '../words/words.ts';
import { fetchWords } from './fetch-words.ts';

/** What the script says, in the visitor's language. `fill` puts values into a text, and chooses its form by `count`. */
export type Words = LiveWords['live'] & {
  /** As a sale's `translations` and a challenge's `questions` name it. */
  tag: string;
  /** For Intl: dates and numbers. */
  locale: string;
  fill: (text: Text, values: Values) => string;
};

export const toWords = ({ tag, locale, live }: LiveWords): Words => ({
  ...{ ...live, tag, locale },
  fill: createFill(locale).fill,
});

/** Where language.ts leaves the file that it asked for before the first paint. */
declare global {
  var seckillWords: { url: string; answer: Promise<LiveWords> };
}

/** Until they are there: without them the page can say nothing of what happens. */
export async function loadWords(sleep: (ms: number) => Promise<void>): Promise<Words> {
  const { url, answer } = seckillWords;
  let next = answer;
  for (let waitMs = 500; ; waitMs = Math.min(8000, waitMs * 2)) {
    const found = await next.catch(() => null);
    if (found !== null) return toWords(found);
    await sleep(waitMs * (0.5 + Math.random()));
    next = fetchWords(url);
  }
}
