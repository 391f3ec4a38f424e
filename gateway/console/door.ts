import { getConnInfo } from '@hono/node-server/conninfo';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { csrf } from 'hono/csrf';
import { problemResponse } from '#contract/problems.ts';
import { bearerOf } from '#http/bearer.ts';
import type { Logger } from '#runtime/logger.ts';
import { isSameToken } from '#runtime/same-token.ts';
import { renderLogin } from './login-page.ts';
import { createWrongGuesses } from './wrong-guesses.ts';

const cookie = 'seckill_console';
const sessionSeconds = 12 * 3600;

/**
 * Who may see and do anything under /console: whoever shows the token, as a bearer, or in the form, which gives a
 * cookie that no script reads and no other site sends. The cookie is the end of the session, signed with the token.
 */
export function createDoor(deps: { token: string; logger: Logger; now: () => number; monotonic: () => number }) {
  const { token, logger, now } = deps;
  const guesses = createWrongGuesses(deps.monotonic);

  /** `slow`: seconds to wait, and the token was not looked at. */
  function judge(context: Context, given: string): 'right' | 'wrong' | { slow: number } {
    const address = addressOf(context);
    const waitMs = guesses.waitMs(address);
    if (waitMs > 0) return { slow: Math.ceil(waitMs / 1000) };
    if (isSameToken(given, token)) {
      guesses.right(address);
      return 'right';
    }
    guesses.wrong(address);
    logger.warn({ address, path: context.req.path }, 'a wrong token at the console');
    return 'wrong';
  }

  async function hasSession(context: Context): Promise<boolean> {
    const until = await getSignedCookie(context, token, cookie);
    return typeof until === 'string' && Number(until) * 1000 > now();
  }

  const guard: MiddlewareHandler = async (context, next) => {
    const given = bearerOf(context.req.raw);
    if (given === null ? await hasSession(context) : false) return next();
    const verdict = given === null ? 'none' : judge(context, given);
    if (verdict === 'right') return next();
    if (typeof verdict === 'object') return tooMany(verdict.slow);
    const wantsPage = context.req.method === 'GET' && (context.req.header('accept') ?? '').includes('text/html');
    if (wantsPage && given === null) return context.html(renderLogin(null), 401, challenge);
    const detail =
      given === null
        ? 'The console needs its token: sign in at /console, or send "Authorization: Bearer <token>".'
        : 'This is not the token of this console: see SECKILL_CONSOLE_TOKEN, or "seckill console".';
    const refusal = problemResponse('UNAUTHENTICATED', { detail });
    refusal.headers.set('WWW-Authenticate', 'Bearer');
    return refusal;
  };

  const app = new Hono();
  app.use('/console/*', csrf());
  app.use('/console/*', bodyLimit({ maxSize: 64 * 1024, onError: () => problemResponse('BODY_TOO_LARGE') }));
  app.post('/console/login', async (context) => {
    const form = await context.req.parseBody().catch(() => ({}) as Record<string, unknown>);
    const given = typeof form.token === 'string' ? form.token.trim() : '';
    const verdict = given === '' ? 'empty' : judge(context, given);
    if (verdict === 'right') {
      const until = Math.floor(now() / 1000) + sessionSeconds;
      await setSignedCookie(context, cookie, String(until), token, {
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
  app.post('/console/logout', (context) => {
    deleteCookie(context, cookie, { path: '/console' });
    return context.redirect('/console', 303);
  });
  return { app, guard };
}

const challenge = { 'WWW-Authenticate': 'Bearer' };

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
