import { startListPage } from './list-page.ts';
import { startOrderPage } from './order-page.ts';
import { createPage, localiseTimes } from './page.ts';
import { startSalePage } from './sale-page.ts';

const root = document.querySelector<HTMLElement>('main');
const page = createPage();
localiseTimes();
if (root?.dataset.page === 'sale') startSalePage(page, root);
else if (root?.dataset.page === 'order') startOrderPage(page, root);
else if (root?.dataset.page === 'list') startListPage(page);
