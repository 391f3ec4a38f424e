/**
 * How purchases travel between an edge and a service: many at a time over a few connections that stay, in frames. A
 * worker of nginx opens one connection to each service, on the address where that one takes HTTP too, by
 *
 *     GET /purchases HTTP/1.1
 *     Host: edge
 *     Connection: Upgrade
 *     Upgrade: seckill-purchases/1
 *
 * (RFC 9110, 7.8). A service that answers anything but 101 knows no link: it is asked over HTTP, as before.
 *
 * A frame begins with two bytes of its whole length and one of its kind. Numbers are unsigned, the most significant byte
 * first; each text says its length before, and the last one goes to the frame's end. Texts are bytes: ASCII but for a
 * body.
 *
 * | from | kind | then | means |
 * |---|---|---|---|
 * | edge | `P` | number (4), lengths of sale id (1), ticket (2) and request id (1); these three; the body | a purchase |
 * | edge | `?` | | are you there? |
 * | service | `A` | number (4), status (2), content type (1), Retry-After (2), length of Location (1); Location; the body | the answer to the purchase of that number |
 * | service | `!` | | yes, to `?` |
 * | service | `L` | | I leave: ask another service. What was asked is answered; then the edge closes |
 *
 * The content type is 0 for `application/json`, 1 for `application/problem+json`. A Retry-After of 0 and a Location
 * without a letter are none. A number is the edge's choice; it names one purchase until that is answered. Answers come in
 * any order. An edge never sends a purchase twice, and never on another connection once it was sent. Neither side sends a
 * frame of more than 2,048 bytes; a connection on which something else arrives is closed by its reader.
 *
 * The twin of this file is nginx-lua/lua/seckill/link/frames.lua. What can no longer be read by the version before gets
 * another name in `Upgrade`.
 */
export const purchaseLink = { path: '/purchases', protocol: 'seckill-purchases/1' } as const;

export const maxFrameBytes = 2048;

/** The bytes of a head, before its texts. */
const askedHead = 11;
const answerHead = 13;
const kinds = { purchase: 0x50, ping: 0x3f, answer: 0x41, pong: 0x21, leave: 0x4c } as const;

/** Something that is no frame arrived: what follows it cannot be read either. */
export class FrameFault extends Error {}

const u16 = (text: string, at: number) => (text.charCodeAt(at) << 8) | text.charCodeAt(at + 1);
const u32 = (text: string, at: number) => ((u16(text, at) << 16) | u16(text, at + 2)) >>> 0;
const bare = (kind: number) => String.fromCharCode(0, 3, kind);

export const pingFrame = bare(kinds.ping);
export const pongFrame = bare(kinds.pong);
export const leaveFrame = bare(kinds.leave);

/** Where the frame at `at` ends; 0 when it is not whole yet. */
function endOf(text: string, at: number): number {
  if (text.length - at < 3) return 0;
  const length = u16(text, at);
  if (length < 3 || length > maxFrameBytes) throw new FrameFault(`a frame of ${length} bytes`);
  return text.length - at < length ? 0 : at + length;
}

export type HeardAsked = {
  /** The texts are bytes as Latin-1 reads them. */
  purchase: (number: number, saleId: string, ticket: string, requestId: string, body: string) => void;
  ping: () => void;
};

/**
 * Reads what an edge sent, `text` being the bytes as Latin-1, and returns how many of them were whole frames.
 * Throws a FrameFault on what is none.
 */
export function readAsked(text: string, heard: HeardAsked): number {
  let at = 0;
  for (let end = endOf(text, at); end !== 0; end = endOf(text, at)) {
    const kind = text.charCodeAt(at + 2);
    if (kind === kinds.ping) heard.ping();
    else if (kind === kinds.purchase && end - at >= askedHead) {
      const ticketAt = at + askedHead + text.charCodeAt(at + 7);
      const requestIdAt = ticketAt + u16(text, at + 8);
      const bodyAt = requestIdAt + text.charCodeAt(at + 10);
      if (bodyAt > end) throw new FrameFault('a purchase longer than its frame');
      heard.purchase(
        u32(text, at + 3),
        text.slice(at + askedHead, ticketAt),
        text.slice(ticketAt, requestIdAt),
        text.slice(requestIdAt, bodyAt),
        text.slice(bodyAt, end),
      );
    } else throw new FrameFault(`a frame of the unknown kind ${kind}`);
    at = end;
  }
  return at;
}

/** A purchase as an edge sends it, as Latin-1. */
export function purchaseFrame(
  number: number,
  { saleId, ticket, requestId, body }: { saleId: string; ticket: string; requestId: string; body: string },
): string {
  const length = askedHead + saleId.length + ticket.length + requestId.length + body.length;
  const sizes = [saleId.length, ticket.length >> 8, ticket.length & 0xff, requestId.length];
  const head = [...bytes2(length), kinds.purchase, ...bytes4(number), ...sizes];
  return String.fromCharCode(...head) + saleId + ticket + requestId + body;
}

/** What an answer says after its number, as Latin-1; `body` and `location` are Latin-1 too. */
export type FramedAnswer = { status: number; isProblem: boolean; retryAfter: number; location: string; body: string };

/** The part of an answer's frame that does not name the purchase: made once, where the answer is a constant. */
export function answerTail({ status, isProblem, retryAfter, location, body }: FramedAnswer): string {
  const head = [...bytes2(status), isProblem ? 1 : 0, ...bytes2(retryAfter), location.length];
  return String.fromCharCode(...head) + location + body;
}

export function answerFrame(number: number, tail: string): string {
  const length = 7 + tail.length;
  return (
    String.fromCharCode(
      length >>> 8,
      length & 0xff,
      kinds.answer,
      number >>> 24,
      (number >>> 16) & 0xff,
      (number >>> 8) & 0xff,
      number & 0xff,
    ) + tail
  );
}

/** Reads what a service sent: the whole frames, in order. Throws a FrameFault on what is none. */
export function readAnswers(
  text: string,
): (({ kind: 'answer'; number: number } & FramedAnswer) | { kind: 'pong' | 'leave' })[] {
  const found: ReturnType<typeof readAnswers> = [];
  let at = 0;
  for (let end = endOf(text, at); end !== 0; end = endOf(text, at)) {
    const kind = text.charCodeAt(at + 2);
    if (kind === kinds.pong) found.push({ kind: 'pong' });
    else if (kind === kinds.leave) found.push({ kind: 'leave' });
    else if (kind === kinds.answer && end - at >= answerHead) {
      const bodyAt = at + answerHead + text.charCodeAt(at + 12);
      if (bodyAt > end) throw new FrameFault('an answer longer than its frame');
      found.push({
        kind: 'answer',
        number: u32(text, at + 3),
        status: u16(text, at + 7),
        isProblem: text.charCodeAt(at + 9) === 1,
        retryAfter: u16(text, at + 10),
        location: text.slice(at + answerHead, bodyAt),
        body: text.slice(bodyAt, end),
      });
    } else throw new FrameFault(`a frame of the unknown kind ${kind}`);
    at = end;
  }
  return found;
}

const bytes2 = (value: number) => [(value >>> 8) & 0xff, value & 0xff];
const bytes4 = (value: number) => [...bytes2(value >>> 16), ...bytes2(value)];
