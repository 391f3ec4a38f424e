import { html } from 'hono/html';
import { directionOf } from './words/direction.ts';
import { createFill, type Values } from './words/fill.ts';
import { inLanguage } from './words/in-language.ts';
import type { Key, Language, Text } from './words/words.ts';

export type Markup = ReturnType<typeof html>;
/** One text in several languages, by tag. A language that is left out is shown the English one. */
export type Texts = Readonly<Partial<Record<string, string | Markup>>> & { en: string | Markup };
/** For each `{name}` of a text; a function where the languages differ. A number is written as the language does. */
type Given = Readonly<Record<string, string | number | Markup>>;

export type Speech = ReturnType<typeof createSpeech>;

/**
 * What stands still on the pages: every language side by side, one `span` each; style shows the one that the page's root
 * names, and all of them to a visitor without script. One file for everybody: a CDN keeps one copy, whatever
 * Accept-Language says (docs/decisions/0008-both-languages-in-one-file.md).
 */
export function createSpeech(languages: readonly [Language, ...Language[]]) {
  const speakers = languages.map((it) => ({ ...it, ...createFill(it.words.language.locale) }));
  const langOf = new Map(languages.map(({ tag, words }) => [tag, words.language.lang]));
  const isMixed = languages.some(({ words }) => directionOf(words.language.lang) === 'rtl');
  /** A text of another way of writing keeps its own, and its signs stay at their ends. */
  const dirOf = (lang: string) => (isMixed ? html` dir="${directionOf(lang)}"` : '');

  function found(words: unknown, key: Key): Text {
    let at: unknown = words;
    for (const name of key.split('.')) at = (at as Record<string, unknown>)[name]; // a Key leads to a text
    return at as Text;
  }

  /** By tag, in every language that has the text. Throws when a `{name}` is not given. */
  function each(key: Key, given: Given | ((tag: string) => Given) = {}): Texts {
    // What is filled in may be in a language that lacks the text around it.
    const able = speakers.filter(({ lacks }) => typeof given === 'function' || !lacks?.has(key));
    const texts = able.map(({ tag, words, pieces }) => {
      const values: Values = typeof given === 'function' ? given(tag) : given;
      const text = pieces(found(words, key), values);
      if (text.includes(undefined)) throw new Error(`a value is missing in the text ${key} (${tag})`);
      return [tag, text.every((piece) => typeof piece === 'string') ? text.join('') : html`${text}`] as const;
    });
    return Object.fromEntries(texts) as Texts; // English is one of them
  }

  /** One `span` for all languages that share a text; plain where they all do. */
  function inEach(texts: Texts): Markup {
    const groups = new Map<string, string[]>();
    for (const { tag } of languages) {
      const text = String(inLanguage(texts, tag) ?? texts.en);
      groups.set(text, [...(groups.get(text) ?? []), tag]);
    }
    if (groups.size === 1) return html`${texts.en}`;
    const spans = [...groups.values()].map(([tag = 'en', ...others]) => {
      const own = inLanguage(texts, tag);
      const classes = [tag, ...others].map(classOf).join(' ');
      const lang = langOf.get(own === undefined ? 'en' : tag) ?? tag;
      return html`<span class="${classes}" lang="${lang}"${dirOf(lang)}>${own ?? texts.en}</span>`;
    });
    return html`${spans}`;
  }

  return {
    languages,
    each,
    inEach,
    /** `text('order.pay')`, `text('list.from', { time: time(opensAt) })`. */
    text: (key: Key, given?: Given | ((tag: string) => Given)): Markup => inEach(each(key, given)),
    /** An attribute in English, with a `data-<tag>-<name>` for the script to take where the visitor reads another language. */
    attribute(name: string, key: Key): Markup {
      const texts = each(key);
      const rest = languages.flatMap(({ tag }) => {
        const own = inLanguage(texts, tag);
        return own === undefined || own === texts.en ? [] : [html` data-${tag.toLowerCase()}-${name}="${own}"`];
      });
      return html` ${name}="${texts.en}"${rest}`;
    },
  };
}

/** Of a text in that language. */
export const classOf = (tag: string): string => `in-${tag.toLowerCase()}`;

/** The style that shows one language; without script, all. */
export const styleOfLanguages = (languages: readonly Language[]): string =>
  `[data-language] [class^=in-]{display:none}${languages.map(({ tag }) => `[data-language=${tag.toLowerCase()}] .${classOf(tag)}`).join(',')}{display:inline}`;
