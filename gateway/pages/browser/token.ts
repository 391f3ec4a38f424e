import { maxPageTokenLength } from '#contract/sign-in.ts';
import type { Store } from './store.ts';

/** Whom a token names (`sub`), and when it ends, in Unix ms; null where it says nothing of that. */
export type TokenClaims = { userId: string | null; endsAtMs: number | null };

/** Keys of `Store`: the last order in a sale, by the sale's id. */
export const ordersPrefix = 'order.';

let last: { token: string; claims: TokenClaims | null } | null = null;

/** Only read, never trusted: the server looks at the signature. Null for what is no JWT (RFC 7519). */
export function claimsOf(token: string): TokenClaims | null {
  if (last?.token !== token) last = { token, claims: parse(token) };
  return last.claims;
}

/** Whether a sign-in may have sent it: a JWT that names a user, not too long for a request's headers. */
export const isUsable = (token: string): boolean =>
  token.length <= maxPageTokenLength && /^[\w-]+(\.[\w-]+){2}$/.test(token) && Boolean(claimsOf(token)?.userId);

/**
 * Keeps the token of the shopper who is signed in from now on; null: of nobody. With another user, and with a sign-out, the orders
 * that this browser knows (my-order.ts) are forgotten: the next person on this device sees no link to an order that is not
 * theirs.
 *
 * @returns whether somebody else was signed in before.
 */
export function keepToken(store: Store, token: string | null): boolean {
  const before = claimsOf(store.read<string>('token') ?? '');
  store.write('token', token);
  const isSame = token !== null && before?.userId === claimsOf(token)?.userId;
  if (!isSame) store.forget(ordersPrefix);
  return before !== null && !isSame;
}

function parse(token: string): TokenClaims | null {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const { sub, exp } = JSON.parse(new TextDecoder().decode(bytes));
    return {
      userId: typeof sub === 'string' ? sub : null,
      endsAtMs: typeof exp === 'number' ? exp * 1000 : null,
    };
  } catch {
    return null;
  }
}
