import { isSecureUrl } from './secure-url.ts';

/**
 * The shop's own sign-in as the pages know it: written into them by `seckill pages publish`, used by their script
 * (docs/sign-in.md, "On the page").
 */
export type PageSignIn = {
  /** Where a shopper without a session goes: an address with one {@link returnToMark}. */
  url: string;
  /** The cookie that the token comes in; left out, it comes in the fragment of the address. */
  cookie?: string | undefined;
};

/** Stands in `SECKILL_SIGN_IN_URL` where the way back is filled in. */
export const returnToMark = '{returnTo}';
/** In the address that a shopper comes back to: the nonce that the page asked with. */
export const askedParameter = 'sign-in';
/** The longest token that a page takes, in characters: behind `Bearer ` it is the longest header that the edge passes on (maps.conf). */
export const maxPageTokenLength = 6993;

/** `template` with the way back filled in, encoded. */
export const signInAddress = (template: string, returnTo: string): string =>
  template.replace(returnToMark, () => encodeURIComponent(returnTo));

/** What is wrong with a template for {@link signInAddress}; null when it can be used. */
export function signInUrlProblem(template: string): string | null {
  if (template.split(returnToMark).length !== 2)
    return `must hold ${returnToMark} once, where the way back is filled in: https://login.example/?returnTo=${returnToMark}`;
  const filled = signInAddress(template, 'https://shop.example/sales/tea');
  if (!URL.canParse(filled)) return 'must be an https:// URL';
  const url = new URL(filled);
  if (!isSecureUrl(url)) return 'must be an https:// URL; http:// is for a sign-in on this machine alone';
  return url.username === '' && url.password === '' ? null : 'must have no user and no password in it';
}

/** What is wrong with the two settings beside each other; null when nothing is. */
export const signInCookieProblem = (given: { url: string | undefined; cookie: string | undefined }): string | null =>
  given.cookie !== undefined && given.url === undefined
    ? 'SECKILL_SIGN_IN_COOKIE is of no use alone: set SECKILL_SIGN_IN_URL, or unset it'
    : null;
