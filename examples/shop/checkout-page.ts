import { html } from 'hono/html';
import type { ShopOrder } from './shop-order.ts';

/** The checkout of one order. `html` escapes what it is given. */
export function checkoutPage(order: ShopOrder, sale: string) {
  const { id, quantity, amount, payBy, state, says } = order;
  const format = new Intl.NumberFormat('en', { style: 'currency', currency: amount.currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  const money = (amount.amount / 10 ** digits).toFixed(digits);
  const button = (press: string, label: string) =>
    html`<form method="post" action="/checkout/${id}/${press}"><button>${label}</button></form>`;
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>Checkout</title>
      <h1>Checkout of the example shop</h1>
      <p>${quantity} × your item, ${money} ${amount.currency}. Pay before ${payBy}.</p>
      <p>Your order is <strong>${state}</strong>. ${says}</p>
      ${state === 'open' ? html`${button('pay', 'Pay')} ${button('cancel', 'Cancel')}` : ''}
      ${state === 'paid' ? button('refund', 'Refund') : ''}
      <p><a href="${sale}/orders/${id}">Back to the order</a></p>
    </html>`;
}
