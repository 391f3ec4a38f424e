import { z } from 'zod';
import { countries, withoutPostalCode } from './countries.ts';
import type { CollectedDetail } from './sale.ts';
import { seenOnOneLine } from './seen-text.ts';

/**
 * Contact and address of an order's shopper: personal data (I10). It is in `order_details`, sealed, and at the recipients that
 * are entitled to it; never in an order's row or events, a queue, a log or a metric. Markup is text like any other: it is kept as it
 * was written, and the program that shows it escapes it. What is not seen, and marks that turn the direction of other text, are refused.
 */
export const longestDetailsBody = 4096;
export const maxAddressLines = 4;

const line = (max: number) =>
  z
    .string({ error: ({ input }) => (input === undefined ? 'must be given' : 'must be text') })
    .trim()
    .min(1, 'must not be empty')
    .max(max, `must be at most ${max} characters`)
    .superRefine(seenOnOneLine);

/** What a mailbox name or a domain has none of, in any script. */
const emailPattern = /^[^\s@"<>(),:;\\[\]]{1,64}@(?:[^\s@"<>(),:;\\[\].]+\.)+[^\s@"<>(),:;\\[\].]{2,}$/u;
const email = line(254).refine((text) => emailPattern.test(text), 'must be an address such as you@example.com');

/** Digits of other scripts and widths as ASCII; without what people write between digits. */
const dialled = (text: string) =>
  text
    .normalize('NFKC')
    .replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) & 0xf))
    .replace(/(?<=\d|\+)[\s().-]+|^[\s(]+/g, '');
/** As E.164 has it, at most 15 digits; without the `+` of a country it is a number of the shop's own. */
const phone = line(40)
  .transform(dialled)
  .refine((text) => /^\+?\d{6,15}$/.test(text), 'must be a phone number of 6 to 15 digits, such as +86 138 0013 8000');

const address = z
  .strictObject(
    {
      lines: z
        .array(line(120), 'must be 1 to 4 lines of text')
        .min(1, 'must have a line: street and number')
        .max(maxAddressLines, `must be at most ${maxAddressLines} lines`),
      city: line(120),
      postalCode: line(20).optional(),
      region: line(120).optional(),
      country: line(2).refine(
        (code) => countries.includes(code),
        'must be the two letters of a country, such as CN (ISO 3166-1)',
      ),
    },
    {
      error: ({ code }) => (code === 'invalid_type' ? 'must be {lines, city, postalCode, region, country}' : undefined),
    },
  )
  .refine(({ postalCode, country }) => postalCode !== undefined || withoutPostalCode.includes(country), {
    path: ['postalCode'],
    error: 'must not be empty: addresses of this country have one',
  });

const fields = { name: line(120), email, phone, address } satisfies Record<CollectedDetail, z.ZodType>;

/** All that can be collected; a sale collects some of it. What subscribers and the hand-over get. */
export const orderDetailsSchema = z.strictObject(fields).partial();
export type OrderDetails = z.infer<typeof orderDetailsSchema>;

const text = z.string();
/** What is told of {@link OrderDetails}: what the sale collects of them, as it was judged when it was given. */
export const givenDetailsSchema = z.object({
  name: text.optional(),
  email: text.optional(),
  phone: text.optional().describe('without spaces; with the + of a country, or a number of the shop’s own'),
  address: z
    .object({
      lines: z.array(text),
      city: text,
      postalCode: text.optional(),
      region: text.optional(),
      country: text.describe('ISO 3166-1, two letters'),
    })
    .optional(),
});

export type DetailsVerdict = { kind: 'fine'; details: OrderDetails } | { kind: 'refused'; detail: string };

/**
 * Judges the body of `PUT /api/orders/<orderId>/details` by what the sale collects: each of it, and nothing else. A refusal
 * says every problem at once, `<field>: <what to do>`, and repeats no value.
 */
export function judgeDetails(collect: readonly CollectedDetail[], body: unknown): DetailsVerdict {
  const wanted = z.strictObject(Object.fromEntries(collect.map((name) => [name, fields[name]])), {
    error: ({ code }) => (code === 'invalid_type' ? `must be a JSON object with ${collect.join(', ')}` : undefined),
  });
  const { data, error } = wanted.safeParse(body);
  if (error === undefined) return { kind: 'fine', details: data };
  const problems = error.issues.map(({ code, path, message }) => {
    const field = path.length === 0 ? 'body' : path.join('.');
    if (code !== 'unrecognized_keys') return `${field}: ${message}`;
    return `${field}: has fields that are not asked for: leave out all but ${allowed(collect, path)}`;
  });
  return { kind: 'refused', detail: [...new Set(problems)].join('; ') };
}

const allowed = (collect: readonly CollectedDetail[], path: readonly PropertyKey[]) =>
  path[0] === 'address' ? 'lines, city, postalCode, region, country' : collect.join(', ');
