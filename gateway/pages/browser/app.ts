import { begin } from './begin.ts';
import { startListPage } from './list-page.ts';
import { startOrderPage } from './order-page.ts';
import { startSalePage } from './sale-page.ts';

void begin((page, root) => {
  if (root.dataset.page === 'sale') startSalePage(page, root);
  else if (root.dataset.page === 'order') startOrderPage(page, root);
  else if (root.dataset.page === 'list') startListPage(page);
});
