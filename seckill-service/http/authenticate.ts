import { createHmac } from 'node:crypto';
import { type CompactVerifyGetKey, compactVerify, decodeProtectedHeader, errors } from 'jose';
import { ConfigError } from '#runtime/config.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { type Asking, bearerOf } from './bearer.ts';
import { type ClaimsVerdict, judgeClaims } from './claims.ts';
import { createRememberedTokens } from './remembered-tokens.ts';
import { createShopKeys, type ShopKeys, ShopKeysFault } from './shop-keys.ts';

/** Who the bearer of a request is; `unknown`: the request names no user, and `detail` says what to do. */
export type Bearer = { kind: 'known'; userId: string } | { kind: 'unknown'; detail: string };
export type Authenticate = (request: Asking) => Promise<Bearer>;

const algorithm = 'HS256';
const lifetimeSeconds = 12 * 3600;

/** The shop's own sign-in: where its public keys are (a JWK set, RFC 7517), and whose tokens, for whom, are taken. */
export type ShopSignIn = { jwksUrl: string; issuer?: string | undefined; audience?: string | undefined };

/** Out of the settings of a process; none without the address of the keys. Throws {@link ConfigError}. */
export function shopSignInOf(config: {
  SECKILL_SIGN_IN_JWKS_URL: string | undefined;
  SECKILL_SIGN_IN_ISSUER: string | undefined;
  SECKILL_SIGN_IN_AUDIENCE: string | undefined;
}): ShopSignIn | undefined {
  const {
    SECKILL_SIGN_IN_JWKS_URL: jwksUrl,
    SECKILL_SIGN_IN_ISSUER: issuer,
    SECKILL_SIGN_IN_AUDIENCE: audience,
  } = config;
  if (jwksUrl !== undefined) return { jwksUrl, issuer, audience };
  if (issuer === undefined && audience === undefined) return undefined;
  throw new ConfigError([
    'SECKILL_SIGN_IN_ISSUER and SECKILL_SIGN_IN_AUDIENCE are of no use alone: set SECKILL_SIGN_IN_JWKS_URL, or unset them',
  ]);
}

/** Public keys only. HS256 is not among them: a public key must never be taken for a shared secret (RFC 8725, 3.1). */
const shopAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];

const missing: Bearer = {
  kind: 'unknown',
  detail: 'Send the token of your sign-in: "Authorization: Bearer <token>".',
};
const invalid: Bearer = { kind: 'unknown', detail: 'The token is not valid here: sign in again.' };

/**
 * Verifies the bearer token, a JWT (RFC 7519) with the user in `sub`: signed by HS256 with `secret`, or with a key of the
 * shop's set when there is one; the same rules for both ({@link judgeClaims}), but issuer and audience are the shop's own.
 * Rejects with {@link ShopKeysFault} when the keys cannot be had or used: then it is not known who that is. A token that is
 * signed right and says what no token may is a mistake of its sign-in: the log has a line of each kind a minute, and
 * never the token. `shopKeys`: the keys of `shop`, where another follows them too.
 */
export function createAuthenticate(
  secret: string,
  options: {
    shop?: ShopSignIn | undefined;
    shopKeys?: ShopKeys | undefined;
    logger?: Logger;
    now?: () => number;
  } = {},
): Authenticate {
  const { shop, logger, now = Date.now } = options;
  const warn = logger && createThrottledWarn(logger, 60_000);
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const sharedKey = crypto.subtle.importKey('raw', new TextEncoder().encode(secret), hmac, false, ['verify']);
  const shopKeys = options.shopKeys ?? (shop && createShopKeys(shop.jwksUrl, { warn }));
  /** Signed with `secret`, which stays the same while this process lives; only the clock is asked again. */
  const remembered = createRememberedTokens<object>();

  /** Null: not signed by anyone we know. */
  async function verdictOf(token: string): Promise<ClaimsVerdict | null> {
    const known = remembered.get(token);
    if (known !== undefined) return judgeClaims(known, {}, now());
    if (decodeProtectedHeader(token).alg === algorithm) {
      const { payload } = await compactVerify(token, await sharedKey, { algorithms: [algorithm] });
      const claims = claimsOf(payload);
      if (typeof claims === 'object' && claims !== null) remembered.add(token, claims);
      return judgeClaims(claims, {}, now());
    }
    if (shop === undefined || shopKeys === undefined) return null;
    return judgeClaims(claimsOf(await payloadOf(token, shopKeys.find)), shop, now());
  }

  return async (request) => {
    const token = bearerOf(request);
    if (token === null) return missing;
    try {
      const verdict = await verdictOf(token);
      if (verdict === null) return invalid;
      if (verdict.kind === 'unknown' && verdict.isSignIn)
        warn?.(undefined, `a token of the sign-in: ${verdict.detail}`);
      return verdict;
    } catch (error) {
      if (error instanceof ShopKeysFault) throw error;
      return invalid; // forged, or no token at all: jose says so by many kinds of error
    }
  };
}

/**
 * The payload of a token that one of the keys has signed. Several may match: keys without a name, or two of one name.
 * Then each is tried, and only when none of them can be used the set is at fault.
 */
async function payloadOf(token: string, keys: CompactVerifyGetKey): Promise<Uint8Array> {
  const options = { algorithms: shopAlgorithms };
  try {
    return (await compactVerify(token, keys, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let isUsable = false;
    for await (const key of error) {
      try {
        return (await compactVerify(token, key, options)).payload;
      } catch (failure) {
        isUsable ||= failure instanceof errors.JOSEError; // else the key itself is of no use
      }
    }
    if (isUsable) throw error;
    throw new ShopKeysFault("the shop's keys: several match a token, and none of them can be used");
  }
}

/** The payload, read only once its signature is right. */
function claimsOf(payload: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
}

const sessionHeader = base64url(JSON.stringify({ alg: algorithm, typ: 'JWT' }));

/** A session token of the demo sign-in; also what `seckill tickets mint` hands out. `nowMs` is Unix ms. */
export function signSession(userId: string, secret: string, nowMs: number, livesSeconds = lifetimeSeconds): string {
  const issuedAt = Math.floor(nowMs / 1000);
  const claims = JSON.stringify({ sub: userId, iat: issuedAt, exp: issuedAt + livesSeconds });
  const text = `${sessionHeader}.${base64url(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
