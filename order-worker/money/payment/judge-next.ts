import { type PaymentNext, paymentNextSchema } from '#contract/payment.ts';
import { isSecureUrl } from '#contract/secure-url.ts';

export type NextVerdict = { kind: 'good'; next: PaymentNext } | { kind: 'strange'; why: string };

const strange = (why: string): NextVerdict => ({ kind: 'strange', why });

/**
 * Judges what a provider would have its shopper do: a third party's word, which leads a shopper to another page. A URL is https,
 * or http on this machine, and has no user in it. What is `good` is as a browser reads it; `why` is for ops.
 */
export function judgeNext(next: unknown): NextVerdict {
  const parsed = paymentNextSchema.safeParse(next);
  if (!parsed.success) return strange(parsed.error.issues.map(({ message }) => message).join('; '));
  const { data } = parsed;
  switch (data.kind) {
    case 'none':
      return { kind: 'good', next: data };
    case 'redirect': {
      const why = troubleOf(new URL(data.url));
      return why === null ? { kind: 'good', next: { kind: 'redirect', url: new URL(data.url).href } } : strange(why);
    }
    case 'qr': {
      if (/\p{Cc}/u.test(data.text)) return strange('its text has control characters');
      if (!data.text.isWellFormed()) return strange('its text is no Unicode'); // PostgreSQL would not take it
      // Most texts are a URL of the provider's app, weixin://… for example; the page makes a link of http(s) alone.
      const url = URL.parse(data.text);
      const why = url !== null && /^https?:$/.test(url.protocol) ? troubleOf(url) : null;
      return why === null ? { kind: 'good', next: data } : strange(why);
    }
  }
}

function troubleOf(url: URL): string | null {
  if (url.username !== '' || url.password !== '') return 'its URL has a user in it';
  return isSecureUrl(url) ? null : 'its URL is http, and not of this machine';
}
