import { getConnInfo } from '@hono/node-server/conninfo';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { bearerChallenge, problemResponse } from '#contract/problems.ts';
import { bearerOf } from '#http/bearer.ts';
import type { Logger } from '#runtime/logger.ts';
import { isSameToken } from '#runtime/same-token.ts';
import type { EndedSessions, Session } from './ended-sessions.ts';
import { renderLogin } from './login-page.ts';
import { sameOrigin } from './same-origin.ts';
import { createWrongGuesses } from './wrong-guesses.ts';

const cookie = 'seckill_console';
const sessionSeconds = 12 * 3600;

const sessionPattern = /^([\w-]{8,64})\.(\d{9,12})$/;

/**
 * Who may see and do anything under /console: the holder of the token, who shows it as a bearer, or in the form, which
 * gives a cookie that no script reads and no other site sends. The cookie is a session's id and end, signed with the
 * token: it is stored nowhere, and another token ends every session. One that was signed out of is in `ended`.
 */
export function createDoor(deps: {
  token: string;
  ended: Pick<EndedSessions, 'has' | 'isKnown' | 'end'>;
  logger: Logger;
  now: () => number;
  monotonic: () => number;
  newId: () => string;
}) {
  const { token, ended, logger, now, newId } = deps;
  const guesses = createWrongGuesses(deps.monotonic);
  const startedAtMs = now();
  const entered = new WeakMap<Request, () => boolean>();

  /**
   * The right token is always right, also after wrong ones from the same address. `slow`: seconds that its wrong
   * ones have to wait.
   */
  function judge(context: Context, given: string): 'right' | 'wrong' | { slow: number } {
    if (isSameToken(given, token)) return 'right';
    const address = addressOf(context);
    const waitMs = guesses.waitMs(address);
    if (waitMs > 0) return { slow: Math.ceil(waitMs / 1000) };
    guesses.wrong(address);
    logger.warn({ address, path: context.req.path.slice(0, 100) }, 'a wrong token at the console');
    return 'wrong';
  }

  function isLive(session: Session): boolean {
    if (session.until * 1000 <= now() || ended.has(session)) return false;
    // One from before this process may have been ended meanwhile; a new one cannot.
    return ended.isKnown() || (session.until - sessionSeconds) * 1000 >= startedAtMs;
  }

  async function sessionOf(context: Context): Promise<Session | null> {
    const [, id, until] = sessionPattern.exec((await getSignedCookie(context, token, cookie)) || '') ?? [];
    const session = id === undefined ? null : { id, until: Number(until) };
    return session !== null && isLive(session) ? session : null;
  }

  const guard: MiddlewareHandler = async (context, next) => {
    const given = bearerOf(context.req.raw);
    const session = given === null ? await sessionOf(context) : null;
    if (session !== null) {
      entered.set(context.req.raw, () => isLive(session));
      return next();
    }
    const verdict = given === null ? 'none' : judge(context, given);
    if (verdict === 'right') return next();
    if (typeof verdict === 'object') return tooMany(verdict.slow);
    const wantsPage = context.req.method === 'GET' && (context.req.header('accept') ?? '').includes('text/html');
    if (wantsPage && given === null) return context.html(renderLogin(null), 401, challenge);
    const detail =
      given === null
        ? 'The console needs its token: sign in at /console, or send "Authorization: Bearer <token>".'
        : 'This is not the token of this console: see SECKILL_CONSOLE_TOKEN, or "seckill console".';
    return problemResponse('UNAUTHENTICATED', { detail });
  };

  const app = new Hono();
  app.use('/console/*', sameOrigin());
  app.use('/console/*', bodyLimit({ maxSize: 64 * 1024, onError: () => problemResponse('BODY_TOO_LARGE') }));
  app.post('/console/login', async (context) => {
    const form = await context.req.parseBody().catch(() => ({}) as Record<string, unknown>);
    const given = typeof form.token === 'string' ? form.token.trim() : '';
    const verdict = given === '' ? 'empty' : judge(context, given);
    if (verdict === 'right') {
      const until = Math.floor(now() / 1000) + sessionSeconds;
      await setSignedCookie(context, cookie, `${newId()}.${until}`, token, {
        path: '/console',
        httpOnly: true,
        sameSite: 'Strict',
        secure: new URL(context.req.url).protocol === 'https:',
        maxAge: sessionSeconds,
      });
      return context.redirect('/console', 303);
    }
    if (typeof verdict === 'object') {
      const wait = `Too many wrong tokens: wait ${verdict.slow} s, then try again.`;
      return context.html(renderLogin(wait), 429, { 'Retry-After': String(verdict.slow) });
    }
    const says = verdict === 'empty' ? 'Type the token.' : 'This is not the token of this console.';
    return context.html(renderLogin(says), 401, challenge);
  });
  app.post('/console/logout', async (context) => {
    const session = await sessionOf(context);
    if (session !== null) ended.end(session);
    deleteCookie(context, cookie, { path: '/console' });
    return context.redirect('/console', 303);
  });
  return {
    app,
    guard,
    /** Whether this request, which the guard let in, would be let in now: what it opened may last for hours. */
    isStillIn: (request: Request): boolean => entered.get(request)?.() ?? true,
  };
}

const challenge = { 'WWW-Authenticate': bearerChallenge };

function tooMany(seconds: number): Response {
  const detail = `Too many wrong tokens: wait ${seconds} s, then try again.`;
  return problemResponse('RATE_LIMITED', { detail, retryAfterSeconds: seconds });
}

function addressOf(context: Context): string {
  try {
    return getConnInfo(context).remote.address ?? 'unknown';
  } catch {
    return 'unknown'; // not called by a server
  }
}
