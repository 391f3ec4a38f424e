import { z } from 'zod';
import { localText } from '#contract/plain-text.ts';
import { seenOnOneLine } from '#contract/seen-text.ts';
import { coloursSchema } from './colours.ts';

const file = z
  .string({ error: 'must name a file beside brand.json' })
  .regex(/^[^/\\]+$/, 'must name a file beside brand.json, without a folder')
  .max(200);
/** One picture, or one for each colour scheme. */
const logo = z.union([file, z.strictObject({ light: file, dark: file })], {
  error: 'must name a file beside brand.json, or two: { "light": file, "dark": file }',
});

const maxUrl = 500;
const isAllowed = (text: string) => {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return ['https:', 'mailto:'].includes(protocol) && username === '' && password === '';
};
const link = z
  .string({ error: 'must be an https:// or mailto: address' })
  .max(maxUrl, `must be at most ${maxUrl} characters`)
  .refine(isAllowed, 'must be an https:// or mailto: address, without a user or password in it')
  .superRefine(seenOnOneLine); // it is shown as it is written

/** `help@shop.example`, or an https:// address of a page. */
const support = z.union([z.email(), link.refine((text) => text.startsWith('https:'))], {
  error: 'must be a mail address such as "help@shop.example", or an https:// address',
});

/** `brand.json`, what a shop says of itself. Unknown fields are refused, so a misspelling is never ignored. docs/brand.md */
export const brandFileSchema = z.strictObject({
  name: localText(60).optional(),
  logo: logo.optional(),
  icon: file.optional(),
  colours: coloursSchema.optional(),
  footer: z
    .array(z.strictObject({ label: localText(40), url: link }), {
      error: 'must be a list of { "label": text, "url": address }',
    })
    .max(8, 'must be at most 8 links')
    .optional(),
  support: support.optional(),
});
export type BrandFile = z.infer<typeof brandFileSchema>;
