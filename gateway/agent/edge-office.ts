import type { EdgeOffice, EdgeSignInKey } from '#contract/edge-office.ts';
import type { ShopSignIn } from '#http/authenticate.ts';
import type { KeySet, ShopKeys } from '#http/shop-keys.ts';
import type { Followed } from '#runtime/follow-setting.ts';
import { defaultCalmPerSecond } from '../tickets/pressure.ts';
import { edgeSignInKeysOf } from './edge-sign-in-keys.ts';

/**
 * What our nginx needs to answer challenges and tickets as this gateway does. It changes with the keys of the shop's
 * sign-in: none before the set was had, and none once it may not be used any more.
 */
export function followEdgeOffice(options: {
  challengeSecret: string;
  sessionSecret: string;
  ticketTtlMs: number;
  signIn: { shop: ShopSignIn; keys: Pick<ShopKeys, 'get' | 'onChange'> } | null;
}): Followed<EdgeOffice> {
  const { challengeSecret, sessionSecret, ticketTtlMs, signIn } = options;
  const officeWith = (keys: EdgeSignInKey[]): EdgeOffice => ({
    challengeSecret,
    sessionSecret,
    ticketTtlMs,
    calmPerSecond: defaultCalmPerSecond,
    signIn: signIn && { issuer: signIn.shop.issuer, audience: signIn.shop.audience, keys },
  });
  let office = officeWith([]);
  const listeners: ((office: EdgeOffice) => void)[] = [];

  let newest: KeySet | null = null;
  async function take(keySet: KeySet | null): Promise<void> {
    newest = keySet;
    const next = officeWith(keySet === null ? [] : await edgeSignInKeysOf(keySet));
    if (newest !== keySet || JSON.stringify(next) === JSON.stringify(office)) return; // a newer set is on its way
    office = next;
    for (const listener of listeners) listener(office);
  }
  const follow = (keySet: KeySet | null) => void take(keySet); // a key that is broken is one of no use, no fault
  signIn?.keys.onChange(follow);
  if (signIn !== null) follow(signIn.keys.get());

  return { get: () => office, onChange: (listener) => listeners.push(listener), close: () => {} };
}
