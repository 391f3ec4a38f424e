import { isSecureUrl } from '#contract/secure-url.ts';
import { InnerAddressError, outerAddresses, type Resolve, resolveLocally, resolvePublicly } from './connect-outside.ts';

export type UrlCheck =
  | { kind: 'fine'; url: string }
  /** `says` is what to change. */
  | { kind: 'refused'; says: string }
  /** It may be known where the workers are, and not here. */
  | { kind: 'unresolved'; url: string; says: string };

const longest = 2048;

/** Looks at a subscriber's URL before it is taken. The address is looked at again each time that it is connected to. */
export async function checkSubscriberUrl(
  text: string,
  options: { allowInner: boolean; personal?: boolean; resolve?: Resolve },
): Promise<UrlCheck> {
  const refused = (says: string): UrlCheck => ({ kind: 'refused', says });
  if (text.length > longest) return refused(`the URL is longer than ${longest} characters`);
  const url = URL.parse(text);
  if (url === null) return refused(`"${text}" is not a URL: write it in full, such as https://points.example/hook`);
  if (!/^https?:$/.test(url.protocol)) return refused(`a ${url.protocol} URL cannot be posted to: it must be http(s)`);
  if (url.username !== '' || url.password !== '') {
    return refused('the URL holds a user or a password: leave them out, what is sent is signed');
  }
  if (url.hash !== '') return refused('the URL ends in a #fragment, which is never sent: leave it out');
  const { allowInner, personal = false } = options;
  if (personal && !isSecureUrl(url)) {
    return refused('contact and address of shoppers travel by https alone: write https://, or leave out --personal');
  }
  try {
    await outerAddresses(url.hostname, allowInner, options.resolve ?? (allowInner ? resolveLocally : resolvePublicly));
  } catch (error) {
    if (error instanceof InnerAddressError) return refused(error.message);
    return { kind: 'unresolved', url: url.href, says: `${url.hostname} has no address here` };
  }
  return { kind: 'fine', url: url.href };
}
