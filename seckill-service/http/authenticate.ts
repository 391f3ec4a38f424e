import { sign, verify } from 'hono/jwt';
import { createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { userIdSchema } from '#contract/order.ts';

/** Who the bearer of a request is, or null. */
export type Authenticate = (request: Request) => Promise<string | null>;

const algorithm = 'HS256';
const lifetimeSeconds = 12 * 3600;

/** The shop's own sign-in: where its public keys are (a JWK set, RFC 7517), and whose tokens, for whom, are taken. */
export type ShopSignIn = { jwksUrl: string; issuer?: string | undefined; audience?: string | undefined };

/** Out of the settings of a process; none without the address of the keys. */
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
  return jwksUrl === undefined ? undefined : { jwksUrl, issuer, audience };
}

/** Public keys only. HS256 is not among them: a public key must never be taken for a shared secret (RFC 8725, 3.1). */
const shopAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const jwksTimeoutMs = 2000;
const leewaySeconds = 5;

/**
 * Verifies the bearer token, a JWT (RFC 7519) with the user in `sub`: signed by HS256 with `secret`, or with a key of the
 * shop's set when there is one. Null for what is forged, expired or no token: the answer is the same. Rejects when the
 * keys cannot be had: then it is not known who that is. Fetched keys are kept for ten minutes; one of an unknown name is
 * looked for at most every 30 s.
 */
export function createAuthenticate(secret: string, shop?: ShopSignIn): Authenticate {
  const shopKeys = shop && createRemoteJWKSet(new URL(shop.jwksUrl), { timeoutDuration: jwksTimeoutMs });

  async function subjectOf(token: string): Promise<unknown> {
    if (decodeProtectedHeader(token).alg === algorithm) return (await verify(token, secret, algorithm)).sub;
    if (shop === undefined || shopKeys === undefined) return null;
    const { issuer, audience } = shop;
    const { payload } = await jwtVerify(token, shopKeys, {
      algorithms: shopAlgorithms,
      clockTolerance: leewaySeconds,
      requiredClaims: ['exp', 'sub'],
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    });
    return payload.sub;
  }

  return async (request) => {
    const token = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
    if (token === undefined) return null;
    try {
      const user = userIdSchema.safeParse(await subjectOf(token));
      return user.success ? user.data : null;
    } catch (error) {
      if (error instanceof Error && isKeysFault(error)) throw new Error(`the shop's keys: ${error.message}`);
      return null;
    }
  };
}

/** Whether it was the key set and not the token: no answer, or one that is none (jose's own, plain, `JOSEError`). */
function isKeysFault(error: Error): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return true;
  if (error instanceof errors.JOSEError) return error.code === 'ERR_JOSE_GENERIC';
  return error instanceof TypeError && error.message === 'fetch failed';
}

/** A session token of the demo sign-in; also what `seckill tickets mint` hands out. */
export function signSession(userId: string, secret: string, nowMs: number): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1000);
  return sign({ sub: userId, iat: issuedAt, exp: issuedAt + lifetimeSeconds }, secret, algorithm);
}
