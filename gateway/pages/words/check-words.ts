import { z } from 'zod';
import { plainLine } from '#contract/plain-text.ts';
import type { Language, Words } from './words.ts';

const maxLength = 400;
const line = plainLine(maxLength);

type Tree = { [name: string]: Tree | string };
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
/** A text in forms, as English has it: `{ "one": …, "other": … }`. */
const isForms = (value: unknown): boolean => isTree(value) && typeof value.other === 'string';
const placeholdersOf = (text: string): string[] => text.match(/\{\w+\}/g) ?? [];

export type CheckedWords = { language: Language; problems: string[] };

/** How a page names a language, and how it writes dates and numbers. */
const ownName = z.string().superRefine((text, context) => {
  for (const { message } of plainLine(30).safeParse(text).error?.issues ?? [])
    context.addIssue({ code: 'custom', message });
});
const locale = z.string().refine((text) => {
  try {
    return Intl.getCanonicalLocales(text).length === 1;
  } catch {
    return false;
  }
}, 'must be a language tag such as "fr" or "pt-BR"');
const languageSchema = z.strictObject({ name: ownName.optional(), lang: locale.optional(), locale: locale.optional() });

/**
 * A words file of a shop, laid over what there is: `base` in the same language, or in the one that a page falls back to. Each problem
 * names the key and what to do. `isNew`: the language is not there yet, so the file must name it.
 */
export function checkWords(tag: string, given: unknown, base: Language, isNew: boolean): CheckedWords {
  const problems: string[] = [];
  const own = new Set<string>();
  const merged = structuredClone(base.words) as unknown as Tree;
  if (!isTree(given)) return { language: base, problems: ['must be an object of texts: { "order": { "pay": "…" } }'] };

  const { language: said = {}, ...texts } = given;
  const { data, error } = languageSchema.safeParse(said);
  for (const issue of error?.issues ?? []) {
    const at = ['language', ...issue.path].join('.');
    problems.push(
      issue.code === 'unrecognized_keys'
        ? `${at} has an unknown field ${issue.keys.join(', ')}`
        : `${at} ${issue.message}`,
    );
  }
  if (isNew && data !== undefined && data.name === undefined) {
    problems.push('must say what the language calls itself: { "language": { "name": "Français" } }');
  }
  const { name, lang, locale: dates } = { ...(isNew ? { lang: tag, locale: tag } : {}), ...data };
  const language = {
    name: name ?? base.words.language.name,
    lang: lang ?? base.words.language.lang,
    locale: dates ?? base.words.language.locale,
  };
  const { pluralCategories } = new Intl.PluralRules(error === undefined ? language.locale : 'en').resolvedOptions();

  function laid(value: unknown, at: Tree, path: string): void {
    if (!isTree(value)) return void problems.push(`${path} must be an object of texts`);
    for (const [key, child] of Object.entries(value)) {
      const here = path === '' ? key : `${path}.${key}`;
      const there = Object.hasOwn(at, key) ? at[key] : undefined;
      if (there === undefined || here === 'language') {
        problems.push(`${here} is no text of the pages${nearest(here, base.words)}`);
      } else if (typeof there === 'string' || isForms(there)) {
        const before = problems.length;
        if (typeof there === 'string') checkText(child, there, here);
        else checkForms(child, there as Record<string, string>, here); // isForms
        if (problems.length > before) continue;
        at[key] = child as Tree | string; // as it was checked
        own.add(here);
      } else laid(child, there, here);
    }
  }

  function checkText(text: unknown, english: string, path: string, mayLack: readonly string[] = []): void {
    const { error: wrong } = line.safeParse(text);
    if (wrong !== undefined || typeof text !== 'string') {
      return void problems.push(`${path} ${typeof text === 'string' ? wrong?.issues[0]?.message : 'must be text'}`);
    }
    const wanted = new Set(placeholdersOf(english));
    const has = new Set(placeholdersOf(text));
    for (const lost of [...wanted].filter((it) => !has.has(it) && !mayLack.includes(it))) {
      problems.push(`${path} has lost ${lost}: put it where the value is to stand`);
    }
    for (const odd of [...has].filter((it) => !wanted.has(it))) {
      const known = wanted.size === 0 ? 'this text has no values' : `it may have ${[...wanted].join(', ')}`;
      problems.push(`${path} has ${odd}, which stands for nothing: ${known}`);
    }
    if (/[{}]/.test(text.replaceAll(/\{\w+\}/g, '')))
      problems.push(`${path} has a brace that belongs to no {value}: take it out`);
  }

  function checkForms(forms: unknown, english: Readonly<Record<string, string>>, path: string): void {
    const sample = english.other ?? '';
    if (!isTree(forms) || typeof forms.other !== 'string') {
      return void problems.push(
        `${path} must have a form for each kind of number: { ${pluralCategories.map((it) => `"${it}": "…"`).join(', ')} }`,
      );
    }
    for (const [form, text] of Object.entries(forms)) {
      const isKnown = (pluralCategories as readonly string[]).includes(form);
      if (!isKnown) problems.push(`${path}.${form} is no form of this language: it has ${pluralCategories.join(', ')}`);
      else checkText(text, sample, `${path}.${form}`, form === 'other' ? [] : ['{count}']);
    }
  }

  laid(texts, merged, '');
  const words = { ...(merged as unknown as Words), language };
  const lacks = new Set(
    isNew ? keysOf(base.words as unknown as Tree).filter((key) => !own.has(key)) : (base.lacks ?? []),
  );
  return { language: { tag, words, lacks }, problems };
}

/** Every text's path. */
export function keysOf(words: Tree, path = ''): string[] {
  return Object.entries(words).flatMap(([name, value]) =>
    `${path}${name}` === 'language'
      ? []
      : typeof value === 'string' || isForms(value)
        ? [path + name]
        : keysOf(value, `${path}${name}.`),
  );
}

/** `; did you mean order.pay?`: the key that differs in the fewest letters, when those are few. */
function nearest(key: string, words: Words): string {
  const found = keysOf(words as unknown as Tree)
    .map((other) => ({ other, letters: lettersBetween(key, other) }))
    .sort((a, b) => a.letters - b.letters)[0];
  return found !== undefined && found.letters <= 3 ? `; did you mean ${found.other}?` : '; take it out or correct it';
}

/** Levenshtein's distance. */
function lettersBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1];
    for (let j = 0; j < other.length; j += 1) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + Number(letter !== other[j])));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
