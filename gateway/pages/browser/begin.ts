import { languageKey } from './language-key.ts';
import { localise } from './localise.ts';
import { createPage, type Page } from './page.ts';
import { startSignOut } from './sign-out.ts';
import { beginVisit } from './visit.ts';
import { loadWords } from './words.ts';

/** What every page begins with; then its own script. */
export async function begin(run: (page: Page, root: HTMLElement) => void): Promise<void> {
  const visit = beginVisit();
  const words = await loadWords((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  const root = document.querySelector<HTMLElement>('main');
  const page = createPage(words, visit);
  localise(words, (language) => page.lasting.write(languageKey, language));
  startSignOut(page);
  document.documentElement.toggleAttribute('data-signed-in', page.session.isSignedIn());
  if (root !== null) run(page, root);
}
