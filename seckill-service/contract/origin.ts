import { z } from 'zod';

/** The edge names every request that it passes on in this header, and tells the client in the same one. */
export const requestIdHeader = 'x-request-id';

/**
 * What a request may be called. The edge takes such a name from outside, of a CDN or a shop's own proxy, and draws 32
 * hexadecimal digits in the place of any other. Its twin is `$seckill_request_id` in nginx-lua/conf.d/maps.conf.
 */
export const requestIdPattern = /^[A-Za-z0-9._-]{8,64}$/;

/** Source: W3C Trace Context, 3.2 (version 00). */
export const traceparentPattern = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Which request an accepted order came by, for whoever looks for it in logs and traces. Nothing is decided by it, and
 * each part may be missing: an order that the sweeper found again has none.
 */
export const originSchema = z.object({
  requestId: z.string().regex(requestIdPattern).optional(),
  traceparent: z.string().regex(traceparentPattern).optional(),
});
export type Origin = z.infer<typeof originSchema>;

/** What a fault's line in a log says of the request that met it. */
export function describeRequest({ headers, method, url }: Request): RequestWords {
  return requestWords(headers.get(requestIdHeader), method, new URL(url).pathname);
}

export type RequestWords = { requestId?: string; method: string; path: string };

/** The same of its parts. */
export function requestWords(name: string | null, method: string, path: string): RequestWords {
  const { requestId } = parseOrigin(name ?? '');
  return { ...(requestId === undefined ? {} : { requestId }), method, path };
}

/** As the outbox carries it: `<requestId>[ <traceparent>]`; empty for none. */
export function formatOrigin({ requestId, traceparent }: Origin): string {
  return traceparent === undefined ? (requestId ?? '') : `${requestId ?? ''} ${traceparent}`;
}

/** What {@link formatOrigin} wrote; parts that are not well-formed are left out: an order never fails because of them. */
export function parseOrigin(text: string | undefined): Origin {
  const [requestId = '', traceparent = ''] = (text ?? '').split(' ');
  return {
    ...(requestIdPattern.test(requestId) ? { requestId } : {}),
    ...(traceparentPattern.test(traceparent) ? { traceparent } : {}),
  };
}
