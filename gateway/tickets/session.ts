import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { sign, verify } from 'hono/jwt';
import { userIdSchema } from '#contract/order.ts';
import { problemResponse } from '#contract/problems.ts';

/** Who the bearer of a request is, or null. */
export type Authenticate = (request: Request) => Promise<string | null>;

const algorithm = 'HS256';
const lifetimeSeconds = 12 * 3600;

/** Verifies the bearer token: a JWT (RFC 7519) signed with HS256, the user in `sub`. */
export function createAuthenticate(secret: string): Authenticate {
  return async (request) => {
    const token = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
    if (token === undefined) return null;
    try {
      const payload = await verify(token, secret, algorithm);
      const user = userIdSchema.safeParse(payload.sub);
      return user.success ? user.data : null;
    } catch {
      return null; // forged, expired or not a token: the answer is the same
    }
  };
}

/** A session token of the demo sign-in; also what `seckill tickets mint` hands out. */
export function signSession(userId: string, secret: string, nowMs: number): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1000);
  return sign({ sub: userId, iat: issuedAt, exp: issuedAt + lifetimeSeconds }, secret, algorithm);
}

/** `POST /api/session`: the demo sign-in, a new user each time. Off in production, where the shop's own token counts. */
export function createSessionApp(deps: { secret: string; demoSignIn: boolean; now: () => number }): Hono {
  const { secret, demoSignIn, now } = deps;
  return new Hono().post('/api/session', async (context) => {
    if (!demoSignIn) return problemResponse('FORBIDDEN', { detail: 'The demo sign-in is off: use your own token.' });
    const userId = `user-${randomUUID()}`;
    return context.json({ userId, token: await signSession(userId, secret, now()) }, 201, {
      'Cache-Control': 'no-store',
    });
  });
}
