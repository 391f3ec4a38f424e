import { begin } from './begin.ts';
import { startOrdersPage } from './orders-page.ts';

/** The script of `/orders`, beside app.ts: who comes for a sale does not load it. */
void begin(startOrdersPage);
