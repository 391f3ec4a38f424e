import { byTestId, setText } from './page.ts';

/** The way to the shop's sign-in, in the place of what it is needed for; none where `address` is null. */
export function paintSignIn(address: string | null, label: string): void {
  const link = byTestId<HTMLAnchorElement>('sign-in');
  link.hidden = address === null;
  if (address === null) return;
  link.href = address;
  setText(link, label);
}
