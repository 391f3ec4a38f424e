import type { EdgeOffice } from '#contract/edge-office.ts';
import type { ShopSignIn } from '#http/authenticate.ts';
import type { Followed } from '#runtime/follow-setting.ts';
import { defaultCalmPerSecond } from '../tickets/pressure.ts';

/** What our nginx needs to answer challenges and tickets as this gateway does. */
export function followEdgeOffice(options: {
  challengeSecret: string;
  sessionSecret: string;
  ticketTtlMs: number;
  shop: ShopSignIn | undefined;
}): Followed<EdgeOffice> {
  const { challengeSecret, sessionSecret, ticketTtlMs, shop } = options;
  const signIn = shop === undefined ? null : { issuer: shop.issuer, audience: shop.audience, keys: [] };
  const office: EdgeOffice = {
    challengeSecret,
    sessionSecret,
    ticketTtlMs,
    calmPerSecond: defaultCalmPerSecond,
    signIn,
  };
  return { get: () => office, onChange: () => {}, close: () => {} };
}
