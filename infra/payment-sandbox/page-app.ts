import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Ledger } from './ledger.ts';
import type { PaymentRow } from './ledger-file.ts';
import { pageActs, pagePolicy, renderNoPayment, renderPayment } from './payment-page.ts';
import { sandboxRoutes } from './sandbox-routes.ts';

/** The pages on which shoppers act. Who has a page's address may do so: it cannot be guessed. */
export function createPageApp(ledger: Pick<Ledger, 'paymentOfPage' | 'act'>): Hono {
  const app = new Hono();

  const show = (context: Context, row: PaymentRow | null, isLeaving = false) =>
    context.html(row === null ? renderNoPayment() : renderPayment(row, isLeaving), row === null ? 404 : 200, {
      'Content-Security-Policy': pagePolicy(row),
      'Cache-Control': 'no-store',
      'Referrer-Policy': 'no-referrer', // the address is the key to the payment
      'X-Content-Type-Options': 'nosniff',
    });
  const pageId = (context: Context) => context.req.param('pageId') ?? '';

  app.get(sandboxRoutes.page, (context) => show(context, ledger.paymentOfPage(pageId(context))));
  app.post(sandboxRoutes.page, bodyLimit({ maxSize: 1024 }), async (context) => {
    const said = new URLSearchParams(await context.req.text()).get('act');
    const act = pageActs.find((known) => known === said);
    const before = ledger.paymentOfPage(pageId(context));
    if (act === undefined || before === null) return show(context, before);
    if (act !== 'leave') ledger.act(pageId(context), act);
    const row = ledger.paymentOfPage(pageId(context));
    return row?.returnUrl == null ? show(context, row, true) : context.redirect(row.returnUrl, 303);
  });
  return app;
}
