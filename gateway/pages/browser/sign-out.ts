import type { Page } from './page.ts';
import { keepToken } from './token.ts';

/** The button that puts away what the shop's sign-in sent; the pages have none where the token is in the shop's own cookie. */
export function startSignOut(page: Page): void {
  const button = document.querySelector<HTMLButtonElement>('[data-testid="sign-out"]');
  if (button === null) return;
  button.hidden = !page.session.isSignedIn();
  button.addEventListener('click', () => {
    keepToken(page.lasting, null);
    location.reload();
  });
}
