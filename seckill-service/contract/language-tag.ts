import type { z } from 'zod';

/** BCP 47 in the form that is written: a language, perhaps a script, perhaps a place. */
const pattern = /^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?$/;

/** `fr`, `pt-BR`, `zh-Hant-TW`: small letters, the script with one capital, the place in capitals. */
export const isLanguageTag = (text: string): boolean => pattern.test(text);

export const mustBeLanguageTag = 'must be a language tag such as "fr", "pt-BR" or "zh-Hant"';

/** In how many languages beside English a shop may write. Each costs every visitor of a page some bytes. */
export const maxOtherLanguages = 11;

/** For `superRefine` of a record by language: each key is a tag, and none is English, which stands beside the record. */
export function byOtherLanguages(texts: object, context: z.core.$RefinementCtx): void {
  const tags = Object.keys(texts);
  for (const tag of tags.filter((it) => !isLanguageTag(it))) {
    context.addIssue({ code: 'custom', path: [tag], message: mustBeLanguageTag });
  }
  if (tags.includes('en')) {
    context.addIssue({
      code: 'custom',
      path: ['en'],
      message: 'must be left out: what stands beside translations is in English',
    });
  }
  if (tags.length > maxOtherLanguages) {
    context.addIssue({ code: 'custom', message: `must be at most ${maxOtherLanguages} languages` });
  }
}
