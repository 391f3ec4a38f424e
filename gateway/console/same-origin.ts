import type { MiddlewareHandler } from 'hono';
import { problemResponse } from '#contract/problems.ts';
import { bearerOf } from '#http/bearer.ts';

const reading = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * What changes something must come from a page of this server, with any kind of body: hono's own csrf() looks at forms
 * alone, and a request with a JSON body, or with none, passes it. A browser says by `Sec-Fetch-Site` and `Origin` where a
 * request comes from; without both it is no browser, and its cookie is not taken: it shows the token itself, which no foreign page can send.
 * Source: OWASP, Cross-Site Request Forgery Prevention, "Fetch Metadata headers" and "Verifying origin with standard headers".
 */
export function sameOrigin(): MiddlewareHandler {
  return async ({ req }, next) => {
    if (reading.has(req.method)) return next();
    const own = new URL(req.url);
    const site = req.header('sec-fetch-site');
    const origin = req.header('origin');
    const isOwn = isOwnPage(own, site, origin) ?? (bearerOf(req.raw) !== null || req.header('cookie') === undefined);
    if (isOwn) return next();
    return problemResponse('FORBIDDEN', { detail: 'This was sent from another page than the console itself.' });
  };
}

/** Null when neither header says anything. Behind a proxy with TLS the scheme differs, and `Sec-Fetch-Site` vouches for it. */
function isOwnPage(own: URL, site: string | undefined, origin: string | undefined): boolean | null {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return site === undefined ? null : true;
  const given = URL.parse(origin);
  if (given === null || given.host !== own.host) return false;
  return given.protocol === own.protocol || site === 'same-origin';
}
