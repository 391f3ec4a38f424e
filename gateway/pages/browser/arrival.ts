import { askedParameter } from '#contract/sign-in.ts';
import { askedKey, type ShopSignIn } from './sign-in.ts';
import type { Store } from './store.ts';
import { isUsable, keepToken } from './token.ts';

/**
 * What the shopper is told of a sign-in that has just ended.
 *
 * unasked      an address with a token that this tab did not ask for; nothing was taken
 * unreadable   what came is no token that can be used; nothing was taken
 * nothing      the shopper came back without one
 * otherUser    it names another user than the one before
 */
export type Arrival = 'unasked' | 'unreadable' | 'nothing' | 'otherUser';

/**
 * Takes what a sign-in brought back in the address, `?sign-in=<nonce>#token=<token>`, and cleans the address before
 * anything else can read it. A token counts only beside the nonce that this tab asked with: else a link of a stranger
 * could sign the shopper in as somebody else (login CSRF). Null where there is nothing to tell.
 */
export function takeArrival(deps: {
  href: string;
  /** Replaces the address of this entry of the history. */
  replace: (href: string) => void;
  tab: Store;
  lasting: Store;
  signIn: ShopSignIn | null;
}): Arrival | null {
  const { tab, lasting, signIn } = deps;
  const address = new URL(deps.href);
  const nonce = address.searchParams.get(askedParameter);
  const token = new URLSearchParams(address.hash.slice(1)).get('token');
  if (nonce === null && token === null) return null;
  address.searchParams.delete(askedParameter);
  address.hash = '';
  deps.replace(address.href);

  const isAsked = signIn !== null && nonce !== null && nonce === tab.read(askedKey);
  if (!isAsked) return token === null ? null : 'unasked';
  tab.write(askedKey, null); // once
  const sent = signIn.cookie();
  const brought = sent === undefined ? token : sent;
  if (brought === null) return 'nothing';
  if (!isUsable(brought)) return 'unreadable';
  return keepToken(lasting, brought) ? 'otherUser' : null;
}
