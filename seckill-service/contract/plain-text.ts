import { z } from 'zod';
import { byOtherLanguages } from './language-tag.ts';
import { seenOnLines, seenOnOneLine } from './seen-text.ts';

const markup = /<[a-z/!?]/i;

/**
 * Words that a shop writes for its shoppers. Pages escape what they show, so markup could never run; it is refused all
 * the same, because shoppers would read it as it stands. `max` is in characters.
 */
export const plainText = (max: number) => withoutMarkup(max).superRefine(seenOnLines);

/** The same, on one line, and not empty. */
export const plainLine = (max: number) => withoutMarkup(max).min(1, 'must not be empty').superRefine(seenOnOneLine);

const withoutMarkup = (max: number) =>
  z
    .string()
    .trim()
    .max(max, `must be at most ${max} characters`)
    .refine((text) => !markup.test(text), 'must be plain text: take out the markup (tags like <b>)');

/** By language tag, English among them: a page falls back to it. As it is stored and travels. */
export const localTextSchema = z.object({ en: z.string() }).catchall(z.string());
export type LocalText = z.infer<typeof localTextSchema>;

/** `"text"`, or `{ "en": "text", "zh": "文本" }`. */
export const localText = (max: number) => {
  const text = plainLine(max);
  const byLanguage = z
    .object({ en: text })
    .catchall(text)
    .superRefine(({ en, ...others }, context) => byOtherLanguages(others, context));
  return z.union([text, byLanguage], {
    error: `must be text, or { "en": text, "zh": text }, each by its language tag, plain, on one line, and of 1 to ${max} characters`,
  });
};

export const toLocalText = (text: string | LocalText): LocalText => (typeof text === 'string' ? { en: text } : text);
