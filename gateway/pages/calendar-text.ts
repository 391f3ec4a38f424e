/** One property: a value as it is, or a text that people read, which is escaped. */
export type CalendarLine = readonly [name: string, value: string | { text: string }];

/** In octets, without the line's end (RFC 5545, 3.1). */
const longest = 75;

/** RFC 5545, 3.3.11. Line ends become `\n`; other control characters are not text. */
const escaped = (text: string) =>
  text
    .replaceAll(/[\\;,]/g, '\\$&')
    .replaceAll(/\r\n|\r|\n/g, '\\n')
    .replaceAll(/(?!\t)\p{Cc}/gu, '');

/** Each part but the first begins with a space; no character is cut in two. */
function folded(line: string): string {
  const parts: string[] = [];
  let part = '';
  for (const character of line) {
    if (Buffer.byteLength(part + character) > longest) {
      parts.push(part);
      part = ' ';
    }
    part += character;
  }
  return [...parts, part].join('\r\n');
}

/** Content lines of an iCalendar file (RFC 5545, 3.1): CRLF, folded at 75 octets. */
export function calendarText(lines: readonly CalendarLine[]): string {
  return lines
    .map(([name, value]) => `${folded(`${name}:${typeof value === 'string' ? value : escaped(value.text)}`)}\r\n`)
    .join('');
}
