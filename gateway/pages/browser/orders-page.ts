import type { OrderView } from '#contract/order.ts';
import type { OrderList } from '#contract/order-list.ts';
import type { PublicSale } from '#contract/sale.ts';
import { inLanguage } from '../words/in-language.ts';
import { failureOf, type Reply } from './api.ts';
import { backoffMs } from './backoff.ts';
import { knownOrders } from './known-orders.ts';
import { formatSum } from './money.ts';
import { createOwnOrders, type OwnOrder } from './own-orders.ts';
import { byTestId, type Page, repeat, setText } from './page.ts';
import { waitsOut } from './purchase.ts';

/** `/orders`: what the shopper has ordered, on whichever device. */
export function startOrdersPage(page: Page, root: HTMLElement): void {
  const { words, session } = page;
  const orders = createOwnOrders();
  const older = byTestId<HTMLButtonElement>('older');
  const format = new Intl.DateTimeFormat(words.locale, { dateStyle: 'medium', timeStyle: 'short' });
  let failures = 0;

  function show(state: 'looking' | 'none' | 'signed-out' | 'sign-in' | 'there'): void {
    byTestId('orders-state').dataset.state = state;
    for (const element of root.querySelectorAll<HTMLElement>('.lead [data-of]')) {
      element.hidden = element.dataset.of !== state;
    }
  }

  /** Nothing can be told before it is known who asks: here is the way to the shop's sign-in, where it has one. */
  function askWho(): null {
    const address = session.signInAddress();
    const link = byTestId<HTMLAnchorElement>('sign-in');
    link.hidden = address === null;
    if (address !== null) link.href = address;
    show(address === null ? 'signed-out' : 'sign-in');
    return null;
  }

  function rowOf(order: OwnOrder): Node {
    const row = byTestId<HTMLTemplateElement>('row').content.cloneNode(true) as DocumentFragment; // of a fragment
    const find = (selector: string) => row.querySelector<HTMLElement>(selector);
    const { orderId, title, translations, state, amount, quantity, acceptedAt } = order;
    find('a')?.setAttribute('href', `/orders/${encodeURIComponent(orderId)}`);
    setText(find('b') as HTMLElement, inLanguage(translations, words.tag)?.title ?? title);
    find('.badge')?.setAttribute('data-order', state);
    for (const label of row.querySelectorAll<HTMLElement>('[data-of]')) if (label.dataset.of !== state) label.remove();
    const time = find('time');
    if (acceptedAt === null) time?.remove();
    else if (time !== null) {
      time.setAttribute('datetime', acceptedAt);
      setText(time, format.format(new Date(acceptedAt)));
    }
    setText(find('.paid') as HTMLElement, amount === null ? '' : formatSum(amount, quantity));
    return row;
  }

  function paint(): void {
    const all = orders.all();
    show(all.length === 0 ? 'none' : 'there');
    byTestId('orders').replaceChildren(...all.map(rowOf));
    older.hidden = orders.next() === null;
  }

  /** Orders that are not stored yet are found by their id alone: those that this browser knows. */
  async function learnWaiting(): Promise<void> {
    const known = knownOrders(() => localStorage, page.lasting);
    const found = orders.unlisted(known).map(async (orderId) => {
      const reply = await session.call<OrderView>('GET', `/api/orders/${encodeURIComponent(orderId)}`);
      if (reply.kind !== 'ok') return [];
      const sale = await page.call<PublicSale>('GET', `/api/sales/${reply.body.saleId}`);
      return [{ view: reply.body, sale: sale.kind === 'ok' ? sale.body : null }];
    });
    orders.learnWaiting((await Promise.all(found)).flat());
  }

  /** When to try again after an answer that was none; null after a real no. */
  function afterFailure(reply: Exclude<Reply<unknown>, { kind: 'ok' }>): number | null {
    failures += 1;
    setText(byTestId('message'), words.problems[failureOf(reply) ?? 'UNAVAILABLE']);
    if (failureOf(reply) === 'UNAUTHENTICATED') return askWho();
    if (reply.kind === 'refused' && !waitsOut.has(reply.code)) return null;
    return backoffMs(failures, reply.retryAfterMs, Math.random);
  }

  if (page.arrival !== null) setText(byTestId('message'), words.signIn[page.arrival]);
  const look = repeat(async () => {
    if (!session.isSignedIn()) return askWho();
    const reply = await session.call<OrderList>('GET', '/api/orders');
    if (reply.kind !== 'ok') return afterFailure(reply);
    failures = 0;
    if (page.arrival === null) setText(byTestId('message'), '');
    byTestId('sign-in').hidden = true;
    orders.learnNewest(reply.body);
    await learnWaiting();
    paint();
    return orders.isAnyWaiting() ? 3000 * (0.8 + Math.random() * 0.4) : null;
  });

  page.lasting.onChange('token', look);

  older.addEventListener('click', async () => {
    const next = orders.next();
    if (next === null || older.ariaBusy === 'true') return;
    older.ariaBusy = 'true';
    const reply = await session.call<OrderList>('GET', `/api/orders?before=${encodeURIComponent(next)}`);
    older.ariaBusy = 'false';
    if (reply.kind !== 'ok') return void afterFailure(reply); // the button stays: it is pressed again
    failures = 0;
    setText(byTestId('message'), '');
    const before = byTestId('orders').childElementCount;
    orders.learnOlder(reply.body);
    paint();
    byTestId('orders').children[before]?.querySelector('a')?.focus(); // where reading goes on
  });
}
