import { z } from 'zod';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here; tab and line ends are not
const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const markup = /<[a-z/!?]/i;

/**
 * Words that a shop writes for its shoppers. Pages escape what they show, so markup could never run; it is refused all
 * the same, because shoppers would read it as it stands. `max` is in characters.
 */
export const plainText = (max: number) =>
  z
    .string()
    .trim()
    .max(max, `must be at most ${max} characters`)
    .refine((text) => !markup.test(text), 'must be plain text: take out the markup (tags like <b>)')
    .refine((text) => !control.test(text), 'must not contain control characters');

/** English, and Chinese where the shop has it. A page falls back to English. */
export type LocalText = { en: string; zh?: string | undefined };

/** `"text"`, or `{ "en": "text", "zh": "文本" }`. */
export const localText = (max: number) => {
  const text = plainText(max).min(1, 'must not be empty');
  return z.union([text, z.strictObject({ en: text, zh: text.optional() })], {
    error: `must be text, or { "en": text, "zh": text }, each plain and of 1 to ${max} characters`,
  });
};

export const toLocalText = (text: string | LocalText): LocalText => (typeof text === 'string' ? { en: text } : text);
