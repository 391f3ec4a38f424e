import { FileProblem, readRegularFile, readRegularFileSync } from './regular-file.ts';

/** Far above any file that a person writes for us. */
export const maxTextBytes = 1_000_000;

/** The text of a file in UTF-8, without a byte order mark. Throws {@link FileProblem}, or the error of the file system. */
export async function readTextFile(path: string, maxBytes = maxTextBytes): Promise<string> {
  return decodeUtf8(await readRegularFile(path, maxBytes));
}

/** {@link readTextFile} for what a process reads once, at its start. */
export function readTextFileSync(path: string, maxBytes = maxTextBytes): string {
  return decodeUtf8(readRegularFileSync(path, maxBytes));
}

const byteOrderMarks = [
  { encoding: 'UTF-32', bytes: [0xff, 0xfe, 0x00, 0x00] }, // before UTF-16, whose mark begins it
  { encoding: 'UTF-16', bytes: [0xff, 0xfe] },
  { encoding: 'UTF-16', bytes: [0xfe, 0xff] },
];

/**
 * Strict: bytes that are no UTF-8 are never replaced by U+FFFD, which would be taken for the text. A problem names the
 * place, and the encoding where that can be told, but no byte of the file: it may be a secret.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  const marked = byteOrderMarks.find((mark) => mark.bytes.every((byte, at) => bytes[at] === byte));
  if (marked !== undefined) throw notUtf8('', marked.encoding);
  const nul = bytes.indexOf(0);
  if (nul >= 0 && nul < 2) throw notUtf8('', 'UTF-16'); // of an ASCII letter, without a mark
  if (nul >= 0) throw new FileProblem(`is no text: it holds a NUL${placeOf(bytes, nul)}`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw notUtf8(placeOf(bytes, firstWrong(bytes)), looksLikeGbk(bytes) ? 'GBK' : null);
  }
}

function notUtf8(place: string, encoding: string | null): FileProblem {
  const guess = encoding === null ? '' : `, it looks like ${encoding}`;
  return new FileProblem(
    `is not UTF-8${place}${guess}: save it as UTF-8, for example with iconv -f ${encoding ?? 'ITS-ENCODING'} -t UTF-8`,
  );
}

function placeOf(bytes: Uint8Array, at: number): string {
  const before = bytes.subarray(0, at);
  return ` at byte ${at + 1} (line ${before.filter((byte) => byte === 0x0a).length + 1})`;
}

/** Halves the search: a decoder that may still get more refuses a beginning only when a wrong byte is in it. */
function firstWrong(bytes: Uint8Array): number {
  let [good, wrong] = [0, bytes.length];
  while (wrong - good > 1) {
    const middle = (good + wrong) >> 1;
    if (isGoodBeginning(bytes.subarray(0, middle))) good = middle;
    else wrong = middle;
  }
  return wrong - 1;
}

function isGoodBeginning(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** GBK, or its larger brother GB 18030: valid in it, and its characters beyond ASCII are Chinese ones. */
function looksLikeGbk(bytes: Uint8Array): boolean {
  try {
    const beyond = [...new TextDecoder('gb18030', { fatal: true }).decode(bytes)].filter((sign) => sign > '\u007f');
    const chinese = beyond.filter((sign) => /[\p{Script=Han}\u3000-\u303f\uff00-\uffef]/u.test(sign));
    // One alone may be two letters of Latin-1.
    return chinese.length > 1 && chinese.length >= 0.8 * beyond.length;
  } catch {
    return false;
  }
}
