import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import type { SessionAnswer } from '#contract/session.ts';
import { type Answer, jsonAnswer, refusal, responseOf } from '#http/answer.ts';
import { signSession } from '#http/authenticate.ts';
import type { BareRoute } from '#http/bare-routes.ts';

const path = '/api/session';
const off = refusal('FORBIDDEN', { detail: 'The demo sign-in is off: use your own token.' });

/**
 * `POST /api/session`: the demo sign-in, a new user each time. Off in production, where the shop's own token counts. A
 * crowd signs in within seconds, so it is a bare route, too.
 */
export function createSession(deps: { secret: string; demoSignIn: boolean; now: () => number }): {
  app: Hono;
  route: BareRoute;
} {
  const { secret, demoSignIn, now } = deps;

  function answer(): Answer {
    if (!demoSignIn) return off;
    const userId = `user-${randomUUID()}`;
    const session: SessionAnswer = { userId, token: signSession(userId, secret, now()) };
    return jsonAnswer(201, 'no-store', JSON.stringify(session));
  }

  return {
    app: new Hono().post(path, () => responseOf(answer())),
    route: { method: 'POST', path, find: (url) => (url === path ? '' : null), answer },
  };
}
