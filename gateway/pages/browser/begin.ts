import { languageKey } from './language-key.ts';
import { localise } from './localise.ts';
import { createPage, type Page } from './page.ts';
import { startSignOut } from './sign-out.ts';
import { beginVisit } from './visit.ts';
import { loadWords } from './words.ts';

/** Shows the header's way to the orders of the shopper who is signed in (style/orders.css). */
const markSignedIn = ({ session }: Page) =>
  document.documentElement.toggleAttribute('data-signed-in', session.isSignedIn());

/** What every page begins with; then its own script. */
export async function begin(run: (page: Page, root: HTMLElement) => void): Promise<void> {
  const visit = beginVisit();
  const words = await loadWords((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  const root = document.querySelector<HTMLElement>('main');
  const page: Page = createPage(words, visit, () => markSignedIn(page));
  localise(words, (language) => page.lasting.write(languageKey, language));
  startSignOut(page);
  markSignedIn(page);
  page.lasting.onChange('token', () => markSignedIn(page));
  if (root !== null) run(page, root);
}
