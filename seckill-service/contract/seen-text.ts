import type { z } from 'zod';

/**
 * What no reader sees and some programs obey: controls, line ends under another name, and format characters, which turn,
 * hide or tag the text beside them. Joiners are none of them: emoji and Indic scripts are written with them.
 */
const unseen = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]--[\u200c\u200d]]/v;
/** The same, but for line ends and tabs. */
const unseenInLines = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]--[\u200c\u200d\t\n\r]]/v;
const seen = /[[\p{L}\p{N}\p{P}\p{S}]--[\p{Default_Ignorable_Code_Point}\u2800]]/v;

const nameOf = (sign: string) => `U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/**
 * What is wrong with a text that people are to see, or null: it holds what is not seen, it shows nothing, or characters of
 * it were lost. The empty text is for the caller to judge. `lines`: may it have several?
 */
function wrongWith(text: string, lines: 'one' | 'several'): string | null {
  if (!text.isWellFormed()) return 'must be whole characters: it holds half of one (a lone surrogate)';
  if (lines === 'one' && /[\r\n]/.test(text)) return 'must not contain control characters: it has a line end (U+000A)';
  const [sign] = (lines === 'one' ? unseen : unseenInLines).exec(text) ?? [];
  if (sign !== undefined)
    return `must not contain control characters and others that are not seen: it has ${nameOf(sign)}`;
  if (text.includes('\ufffd')) return 'must not contain U+FFFD: it stands where a character was lost in a conversion';
  return text === '' || seen.test(text) ? null : 'must contain a character that is seen';
}

const issueOf = (lines: 'one' | 'several') => (text: string, context: z.core.$RefinementCtx<string>) => {
  const message = wrongWith(text, lines);
  if (message !== null) context.addIssue({ code: 'custom', message });
};

/** For `superRefine`: text that is seen, on one line. What is stored is read without it, so that it stays readable. */
export const seenOnOneLine = issueOf('one');

/** For `superRefine`: text that is seen, on one or more lines. */
export const seenOnLines = issueOf('several');
