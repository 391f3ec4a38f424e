/**
 * What a terminal obeys instead of showing it (`Cc`), what turns, hides or joins the text beside it (`Cf`), what ends a
 * line under another name (`Zl`, `Zp`), and halves of characters. Line end, tab and the joiners of emoji and Indic
 * scripts are none of them.
 */
const acting = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]--[\n\t\u200c\u200d]]/gv;

/** Text that may be a stranger's, for a terminal: U+009B is shown as `\u009b`. JSON stays JSON: it means the same there. */
export const printable = (text: string): string => text.replace(acting, escaped);

/** The same for a text that has one line to be in. */
export const onOneLine = (text: string): string => printable(text).replace(/[\n\t]/g, escaped);

/** Of a character beyond U+FFFF both halves, as JSON has it. */
function escaped(sign: string): string {
  const units = Array.from({ length: sign.length }, (_, at) => sign.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
