import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { problemResponse } from '#contract/problems.ts';
import type { SessionAnswer } from '#contract/session.ts';
import { signSession } from '#http/authenticate.ts';

/** `POST /api/session`: the demo sign-in, a new user each time. Off in production, where the shop's own token counts. */
export function createSessionApp(deps: { secret: string; demoSignIn: boolean; now: () => number }): Hono {
  const { secret, demoSignIn, now } = deps;
  return new Hono().post('/api/session', async (context) => {
    if (!demoSignIn) return problemResponse('FORBIDDEN', { detail: 'The demo sign-in is off: use your own token.' });
    const userId = `user-${randomUUID()}`;
    const answer: SessionAnswer = { userId, token: signSession(userId, secret, now()) };
    return context.json(answer, 201, { 'Cache-Control': 'no-store' });
  });
}
