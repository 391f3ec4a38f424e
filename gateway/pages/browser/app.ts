import { languageKey } from './language-key.ts';
import { startListPage } from './list-page.ts';
import { localise } from './localise.ts';
import { startOrderPage } from './order-page.ts';
import { createPage } from './page.ts';
import { startSalePage } from './sale-page.ts';

const root = document.querySelector<HTMLElement>('main');
const page = createPage();
localise((language) => page.lasting.write(languageKey, language));
if (root?.dataset.page === 'sale') startSalePage(page, root);
else if (root?.dataset.page === 'order') startOrderPage(page, root);
else if (root?.dataset.page === 'list') startListPage(page);
