import stringWidth from 'string-width';
import { onOneLine } from './printable.ts';

type Cell = string | number;

const gap = 2;
/** No column is cut below the first of these while another can give, and none below the second: nothing would be said. */
const narrowest = [8, 4];

/**
 * Aligned columns; numbers to the right. Where the text has a `width`, on a terminal, the widest columns of words are
 * shortened, with …, until each row fits in one line; the first column, by which a row is named, last. `--json` and a pipe
 * show everything: null.
 */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[], width: number | null): string {
  const isNumber = header.map((_title, at) => rows.length > 0 && rows.every((row) => typeof row[at] === 'number'));
  const cells = [header, ...rows.map((row) => row.map((cell) => onOneLine(String(cell))))];
  const widths = header.map((_title, at) => Math.max(...cells.map((row) => stringWidth(row[at] ?? ''))));
  if (width !== null) shrink(widths, isNumber, width);
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => {
        const wide = widths[at] ?? 0;
        const text = shorten(cell, wide);
        const pad = ' '.repeat(Math.max(0, wide - stringWidth(text)));
        return isNumber[at] ? pad + text : text + pad;
      })
      .join(' '.repeat(gap))
      .trimEnd();
  return cells.map(line).join('\n');
}

/** Takes from the widest of those that may be cut, one at a time, until all fit or none can give more. */
function shrink(widths: number[], isNumber: readonly boolean[], width: number): void {
  const total = () => widths.reduce((sum, each) => sum + each, 0) + gap * (widths.length - 1);
  for (const least of narrowest) {
    for (const first of [1, 0]) {
      while (total() > width) {
        const mayGive = widths.map((each, at) => (at >= first && !isNumber[at] && each > least ? each : 0));
        const widest = Math.max(...mayGive);
        if (widest === 0) break;
        widths[mayGive.indexOf(widest)] = widest - 1;
      }
    }
  }
}

/** The text in at most `width` columns of a terminal, with … in the place of what was cut. */
export function shorten(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const wide = stringWidth(segment);
    if (used + wide > width - 1) break;
    kept += segment;
    used += wide;
  }
  return width < 1 ? '' : `${kept}…`;
}
