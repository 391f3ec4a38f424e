import { saleIdOfOrder } from './order.ts';
import { createSigner, type Signer } from './ticket-signature.ts';

/**
 * A ticket: `1.<keyId>.<expires>.<orderId>.<userId>.<signature>`
 *
 * expires    Unix seconds, decimal
 * userId     base64url of the UTF-8 bytes
 * signature  base64url of HMAC-SHA256 (RFC 2104) over everything before its dot: always 43 characters
 *
 * Flat and fixed so that the edge can check it without JSON (nginx-lua/lua/seckill/filters/ticket.lua is the twin; a test
 * compares the two). The order id names the sale; the order id is the ticket's single use.
 */
export type Ticket = { saleId: string; orderId: string; userId: string; expiresAtMs: number };
export type TicketKey = { id: string; secret: string };
/** `expired` says whose it was: nothing is bought with it, but an order that it made may be told of. */
export type TicketCheck = { kind: 'valid' | 'expired'; ticket: Ticket } | { kind: 'invalid' };

export const maxTicketLength = 512;

const pattern = /^1\.([a-z0-9]{1,16})\.(\d{10})\.([a-z0-9-]{28,75})\.([A-Za-z0-9_-]{2,172})\.([A-Za-z0-9_-]{43})$/;
const signatureLength = 43;

const signers = new WeakMap<TicketKey, Signer>();

function signerOf(key: TicketKey): Signer {
  const known = signers.get(key);
  if (known !== undefined) return known;
  const signer = createSigner(key.secret, maxTicketLength);
  signers.set(key, signer);
  return signer;
}

/** Signs with the first key. `expiresAtMs` is cut to whole seconds. */
export function signTicket(ticket: Omit<Ticket, 'saleId'>, keys: readonly TicketKey[]): string {
  const [key] = keys;
  if (key === undefined) throw new Error('no ticket key is configured: set SECKILL_TICKET_KEYS');
  const expires = Math.floor(ticket.expiresAtMs / 1000);
  const user = Buffer.from(ticket.userId).toString('base64url');
  const text = `1.${key.id}.${expires}.${ticket.orderId}.${user}`;
  return `${text}.${signerOf(key).sign(text)}`;
}

/** Checks shape, signature, then expiry, with any of `keys`. A ticket of another sale is for the caller to refuse. */
export function checkTicket(text: string, keys: readonly TicketKey[], nowMs: number): TicketCheck {
  if (text.length > maxTicketLength) return { kind: 'invalid' };
  const match = pattern.exec(text);
  if (match === null) return { kind: 'invalid' };
  const [, keyId, expires, orderId = '', user = '', signature = ''] = match;
  const key = keys.find((candidate) => candidate.id === keyId);
  const saleId = saleIdOfOrder(orderId);
  if (key === undefined || saleId === null) return { kind: 'invalid' };
  if (!signerOf(key).isSignature(text.slice(0, -signatureLength - 1), signature)) return { kind: 'invalid' };
  const expiresAtMs = Number(expires) * 1000;
  const ticket = { saleId, orderId, userId: Buffer.from(user, 'base64url').toString(), expiresAtMs };
  return { kind: expiresAtMs <= nowMs ? 'expired' : 'valid', ticket };
}

/** `id:secret[,id:secret]`: the first signs, all check. Throws on anything else, without a word of the text. */
export function parseTicketKeys(text: string): TicketKey[] {
  const keys = text.split(',').map((pair) => {
    const match = /^([a-z0-9]{1,16}):(.{32,})$/.exec(pair.trim());
    if (match === null) throw new Error('must be id:secret pairs, id of a-z and 0-9, secret of at least 32 characters');
    const [, id = '', secret = ''] = match;
    return { id, secret };
  });
  const twice = keys.find(({ id }, index) => keys.findIndex((other) => other.id === id) < index);
  if (twice !== undefined) throw new Error(`must name each key once, but names ${twice.id} twice`);
  return keys;
}

/** The text that {@link parseTicketKeys} reads. */
export function formatTicketKeys(keys: readonly TicketKey[]): string {
  return keys.map(({ id, secret }) => `${id}:${secret}`).join(',');
}
