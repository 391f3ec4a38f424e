/** What came of one request to a subscriber. `says` is a sentence for people; `excerpt`, how its answer began. */
export type Answer = { says: string; excerpt: string } & (
  | { kind: 'delivered'; status: number }
  /** 410: it does not want to hear from us any more. */
  | { kind: 'gone'; status: 410 }
  /** 429 or 503: later. `retryAfterMs` is what it asked for, null when it did not say. */
  | { kind: 'busy'; status: number; retryAfterMs: number | null }
  /** Any other status. `isContent`: it objects to what was sent (400, 413, 422), not to us. */
  | { kind: 'refused'; status: number; isContent: boolean }
  | { kind: 'unreachable'; why: 'timeout' | 'network' | 'inner' }
);

const contentStatuses = new Set([400, 413, 422]);

/** Reads an answer's status. Redirects are no way to move: whoever answers elsewhere could be anyone. */
export function answerOf(
  status: number,
  headers: { location?: string | undefined; retryAfter?: string | undefined },
  excerpt: string,
  nowMs: number,
): Answer {
  if (status >= 200 && status < 300) return { kind: 'delivered', status, says: `answered ${status}`, excerpt };
  if (status === 410) return { kind: 'gone', status, says: 'answered 410 Gone', excerpt };
  if (status === 429 || status === 503) {
    const retryAfterMs = retryAfter(headers.retryAfter, nowMs);
    const asks = retryAfterMs === null ? '' : ` and asked for ${Math.round(retryAfterMs / 1000)} s of rest`;
    return { kind: 'busy', status, retryAfterMs, says: `answered ${status}${asks}`, excerpt };
  }
  if (status >= 300 && status < 400) {
    const to = headers.location === undefined ? '' : ` to ${headers.location.slice(0, 200)}`;
    const says = `answered ${status}, a redirect${to}: redirects are not followed, change the URL`;
    return { kind: 'refused', status, isContent: false, says, excerpt };
  }
  return { kind: 'refused', status, isContent: contentStatuses.has(status), says: `answered ${status}`, excerpt };
}

/** `Retry-After` in ms from now: seconds or an HTTP date (RFC 9110, 10.2.3); null when it is missing or neither. */
function retryAfter(value: string | undefined, nowMs: number): number | null {
  if (value === undefined) return null;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
