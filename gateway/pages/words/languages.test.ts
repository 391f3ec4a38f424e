import { expect, test } from 'vitest';
import { builtInLanguages } from './languages.ts';
import type { Text } from './words.ts';

/** By path: what a language says, each form of a text on its own. */
function texts(words: object, path = ''): [path: string, text: Text][] {
  return Object.entries(words).flatMap(([name, value]) =>
    typeof value === 'string' || 'other' in value ? [[path + name, value]] : texts(value, `${path}${name}.`),
  );
}
const forms = (text: Text) => (typeof text === 'string' ? [text] : Object.values<string>(text));
const placeholders = (text: Text) => new Set(forms(text).flatMap((form) => form.match(/\{\w+\}/g) ?? []));

const [english, ...others] = builtInLanguages.map(({ tag, words }) => ({ tag, texts: new Map(texts(words)) }));

test('every language has each text of the English file and no other, with the same values in it', () => {
  for (const { tag, texts } of others) {
    expect([...texts.keys()], tag).toEqual([...(english?.texts.keys() ?? [])]);
    for (const [path, text] of english?.texts ?? []) {
      expect(placeholders(texts.get(path) ?? ''), `${path} in ${tag}`).toEqual(placeholders(text));
    }
  }
});

test('no Chinese text was left in English', () => {
  const chinese = others.find(({ tag }) => tag === 'zh');
  for (const [path, text] of chinese?.texts ?? []) {
    if (/^language\.|[Tt]itle$|lineAndWait$/.test(path)) continue;
    for (const form of forms(text)) expect(form, path).toMatch(/\p{Script=Han}/u);
  }
});

test('every form of a text is one that its language has', () => {
  for (const { words } of builtInLanguages) {
    const categories = new Intl.PluralRules(words.language.locale).resolvedOptions().pluralCategories;
    for (const [path, text] of texts(words)) {
      if (typeof text !== 'string') expect(categories.toSorted(), path).toEqual(Object.keys(text).toSorted());
    }
  }
});

test('no text calls what a shopper buys a unit, or says that it is spoken for', () => {
  const stockWords = /\bunits?\b|spoken for|有主|单位|库存/iu;
  for (const { tag, texts } of [{ tag: 'en', texts: english?.texts ?? new Map() }, ...others]) {
    for (const [path, text] of texts)
      for (const form of forms(text)) expect(form, `${path} in ${tag}`).not.toMatch(stockWords);
  }
});
