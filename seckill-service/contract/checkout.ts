import { z } from 'zod';
import { isSecureUrl } from './secure-url.ts';

/** What a template has in the place of the order's id, and of the token; without a place for it the token is a query parameter. */
const placeholders = { orderId: '{orderId}', token: '{token}' } as const;
export const checkoutTokenParameter = 'token';

/** The shop's own checkout: where a shopper goes after the yes. docs/hand-over.md */
export const checkoutUrlSchema = z
  .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
  .max(1000, 'must be at most 1000 characters')
  .superRefine((text, context) => {
    if (!URL.canParse(text)) return; // which is told above
    const url = new URL(text);
    const say = (message: string) => context.addIssue({ code: 'custom', message });
    if (url.protocol === 'http:' && !isSecureUrl(url))
      say('must be https: a token goes with it; http is for 127.0.0.1 and localhost alone');
    if (url.username !== '' || url.password !== '') say('must have no user and no password in it');
    if (!text.includes(placeholders.orderId))
      say(`must have ${placeholders.orderId} in it: the order's id takes its place`);
    // A host that is made of an order's id would be another for each order; the token is for one.
    if (new URL(filled(text, 'a', 'b')).origin !== new URL(filled(text, 'c', 'd')).origin)
      say(`must have ${placeholders.orderId} and ${placeholders.token} after its host`);
  });

const filled = (template: string, orderId: string, token: string): string =>
  template.replaceAll(placeholders.orderId, orderId).replaceAll(placeholders.token, token);

/** The origin that a token for this checkout is meant for: its audience. */
export const checkoutOrigin = (template: string): string => new URL(filled(template, 'o', 't')).origin;

/** The address that the shopper goes to. Order ids and tokens are made of letters that a URL has everywhere. */
export function checkoutUrlOf(template: string, orderId: string, token: string): string {
  const url = new URL(filled(template, orderId, token));
  if (!template.includes(placeholders.token)) url.searchParams.set(checkoutTokenParameter, token);
  return url.href;
}
