import { formatMoney } from './money.ts';
import { byTestId, setText } from './page.ts';
import { hasReceipt } from './receipt-states.ts';

const print = byTestId('print');
const write = (name: string, text: string) => setText(byTestId(`receipt-${name}`), text);
const row = (name: string) => byTestId(`receipt-${name}`).parentElement as HTMLElement; // the markup's own

print.addEventListener('click', () => window.print());

globalThis.seckillReceipt = ({ view, title, locale, nowMs }) => {
  const { orderId, state, quantity, amount, checkout, acceptedAt } = view;
  print.hidden = !hasReceipt(state);
  if (print.hidden || amount === null) return;
  const { format } = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'long' });
  write('number', orderId);
  write('item', title ?? '');
  row('item').hidden = title === null;
  write('quantity', new Intl.NumberFormat(locale).format(quantity));
  write('amount', `${formatMoney(amount)} ${amount.currency}`);
  for (const each of byTestId('receipt-state').children as HTMLCollectionOf<HTMLElement>) {
    each.hidden = each.dataset.of !== state;
  }
  row('payment').hidden = checkout !== 'shop';
  write('ordered', format(new Date(acceptedAt)));
  write('printed', format(nowMs));
};
