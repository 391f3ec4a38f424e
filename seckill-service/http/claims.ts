import { userIdSchema } from '#contract/order.ts';

/** What a token must say beyond what every one must. Left out: it is not looked at. */
export type ExpectedClaims = { issuer?: string | undefined; audience?: string | undefined };

/**
 * `unknown`: the token is refused, and `detail` tells its sender what to do. `isSignIn`: only the sign-in that signed it
 * can mend that, so its operators should hear of it.
 */
export type ClaimsVerdict = { kind: 'known'; userId: string } | { kind: 'unknown'; detail: string; isSignIn: boolean };

/** How far the clock of a sign-in may be off. */
const leewaySeconds = 5;

/**
 * The rules for the claims of every token (RFC 7519, 4.1), for both kinds of signature: `sub` and `exp` are required,
 * `nbf`, `iss` and `aud` count where they stand or are expected, `iat` is not looked at. `nowMs` is Unix ms.
 */
export function judgeClaims(claims: unknown, expected: ExpectedClaims, nowMs: number): ClaimsVerdict {
  if (!isObject(claims)) return misissued('The token holds no claims: its sign-in must sign a JSON object.');
  const { sub, exp, nbf, iss, aud } = claims;
  const { issuer, audience } = expected;
  if (!isDate(exp)) return misissued('The token has no expiry: its sign-in must write "exp", in Unix seconds.');
  if (exp + leewaySeconds <= nowMs / 1000) return refused('The token has expired: sign in again.');
  if (nbf !== undefined && !isDate(nbf)) return misissued('The token\'s "nbf" is no number: write Unix seconds.');
  if (nbf !== undefined && nbf - leewaySeconds > nowMs / 1000)
    return misissued('The token is not valid yet: its "nbf" is in the future, so set the clock of its sign-in right.');
  if (issuer !== undefined && iss !== issuer)
    return misissued('The token is of another issuer: its "iss" is not SECKILL_SIGN_IN_ISSUER.');
  if (audience !== undefined && ![aud].flat().includes(audience))
    return misissued('The token is for another audience: its "aud" does not hold SECKILL_SIGN_IN_AUDIENCE.');
  if (typeof sub !== 'string')
    return misissued(`The token's "sub" is ${sub === undefined ? 'missing' : 'no text'}: write the user's id as text.`);
  const user = userIdSchema.safeParse(sub);
  if (user.success) return { kind: 'known', userId: user.data };
  return misissued(`The token's "sub" ${user.error.issues[0]?.message}: give the user another id.`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isDate = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

const refused = (detail: string): ClaimsVerdict => ({ kind: 'unknown', detail, isSignIn: false });
const misissued = (detail: string): ClaimsVerdict => ({ kind: 'unknown', detail, isSignIn: true });
