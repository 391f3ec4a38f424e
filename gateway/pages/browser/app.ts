import { languageKey } from './language-key.ts';
import { startListPage } from './list-page.ts';
import { localise } from './localise.ts';
import { startOrderPage } from './order-page.ts';
import { createPage } from './page.ts';
import { startSalePage } from './sale-page.ts';
import { startSignOut } from './sign-out.ts';
import { beginVisit } from './visit.ts';
import { loadWords, type Words } from './words.ts';

const visit = beginVisit();

function start(words: Words): void {
  const root = document.querySelector<HTMLElement>('main');
  const page = createPage(words, visit);
  localise(words, (language) => page.lasting.write(languageKey, language));
  startSignOut(page);
  if (root?.dataset.page === 'sale') startSalePage(page, root);
  else if (root?.dataset.page === 'order') startOrderPage(page, root);
  else if (root?.dataset.page === 'list') startListPage(page);
}

void loadWords((ms) => new Promise((resolve) => setTimeout(resolve, ms))).then(start);
