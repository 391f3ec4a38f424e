/** Alipay's limit is 256 bytes in one place and 256 characters in another; a Chinese character has two bytes there. */
const longest = 128;

/**
 * What the shopper reads at Alipay: the sale's title without what Alipay refuses in a `subject` (`/`, `=`, `&`, other marks
 * that have a meaning in URLs and JSON, control characters, and what is outside the Basic Multilingual Plane, such as emoji).
 */
export function subjectOf(title: string, otherwise: string): string {
  const plain = title
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\u{10000}-\u{10ffff}/=&<>"'\\%#?+]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return plain.slice(0, longest).trim() || otherwise;
}
