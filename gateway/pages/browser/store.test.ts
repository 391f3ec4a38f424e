import { afterEach, expect, test, vi } from 'vitest';
import { knownOrders } from './known-orders.ts';
import { createStore } from './store.ts';
import { keepToken } from './token.ts';

afterEach(() => void vi.unstubAllGlobals());

/** As the browser's: what is kept are its own keys. */
function storage(): Storage {
  const methods = {
    getItem: (name: string) => (Object.hasOwn(kept, name) ? kept[name] : null),
    setItem: (name: string, text: string) => void Object.assign(kept, { [name]: text }),
    removeItem: (name: string) => void delete kept[name],
  };
  const kept: Record<string, string> = Object.create(methods);
  return kept as unknown as Storage; // what a store asks of one
}
const tokenOf = (sub: string, exp = 1) => `h.${Buffer.from(JSON.stringify({ sub, exp })).toString('base64url')}.s`;

/** Ann has bought in two sales. */
function annsBrowser(kept: () => Storage) {
  const store = createStore(kept);
  keepToken(store, tokenOf('ann'));
  store.write('order.tea', 'tea-1');
  store.write('order.lamp', 'lamp-1');
  store.write('language', 'zh');
  return store;
}

test.each([
  ['signs out', null],
  ['is followed by another one', tokenOf('bob')],
])('a shopper who %s leaves no order behind, and what is no order stays', (_name, next) => {
  const kept = storage();
  const store = annsBrowser(() => kept);
  keepToken(store, next);
  expect([knownOrders(() => kept, store), store.read('order.tea'), store.read('order.lamp')]).toEqual([[], null, null]);
  expect(Object.keys(kept).sort()).toEqual(['seckill.language', 'seckill.token']);
  expect(store.read('language')).toBe('zh');
});

test('the same shopper with a new token keeps them', () => {
  const kept = storage();
  const store = annsBrowser(() => kept);
  keepToken(store, tokenOf('ann', 2));
  expect(knownOrders(() => kept, store)).toEqual(['tea-1', 'lamp-1']);
});

test('they are forgotten too where the browser denies storage, and by another tab', () => {
  const denied = annsBrowser(() => {
    throw new Error('denied');
  });
  keepToken(denied, null);
  expect(denied.read('order.tea')).toBeNull();

  const listeners: ((event: { key: string; newValue: string | null }) => void)[] = [];
  vi.stubGlobal('addEventListener', (_name: string, listener: (typeof listeners)[number]) => listeners.push(listener));
  const kept = storage();
  const [one, other] = [annsBrowser(() => kept), createStore(() => kept)];
  let told = 0;
  one.onChange('order.tea', () => {
    told += 1;
  });
  keepToken(other, null);
  for (const listener of listeners) listener({ key: 'seckill.order.tea', newValue: null });
  expect([told, one.read('order.tea')]).toEqual([1, null]);
});
