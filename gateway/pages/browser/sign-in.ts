import { askedParameter, signInAddress } from '#contract/sign-in.ts';
import type { Store } from './store.ts';

/** The shop's own sign-in, where the pages lead to one. */
export type ShopSignIn = {
  /** Where this page sends the shopper, with the way back to it. */
  address(): string;
  /** What the cookie of the shop's domain holds, null without it; undefined where the token comes in the address. */
  cookie(): string | null | undefined;
};

/** Kept by this tab alone: what it asked a sign-in with. */
export const askedKey = 'sign-in';

/** As `seckill pages publish` wrote it into the page; null where the pages lead to none. */
export function createShopSignIn(page: { root: HTMLElement; cookies: () => string; tab: Store }): ShopSignIn | null {
  const { signIn: template, signInCookie: name } = page.root.dataset;
  if (template === undefined) return null;
  return {
    address() {
      let nonce = page.tab.read<string>(askedKey);
      if (nonce === null) {
        nonce = newNonce();
        page.tab.write(askedKey, nonce);
      }
      const back = new URL(location.href);
      back.hash = '';
      back.searchParams.set(askedParameter, nonce);
      return signInAddress(template, back.href);
    },
    cookie: () => (name === undefined ? undefined : cookieOf(page.cookies(), name)),
  };
}

/** Of `document.cookie`: `a=1; b=2`. Of two of one name the first counts, as the browser sends it first. */
export function cookieOf(cookies: string, name: string): string | null {
  const found = cookies.split('; ').find((part) => part.startsWith(`${name}=`));
  return found?.slice(name.length + 1) || null;
}

/** Not crypto.randomUUID, which only a page by https has. */
function newNonce(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
