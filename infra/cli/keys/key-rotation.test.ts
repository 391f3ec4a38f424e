import { expect, test } from 'vitest';
import { keysToDrop, pendingKey, withNewKey, withPendingSigning } from './key-rotation.ts';

const keys = (...ids: string[]) => ids.map((id) => ({ id, secret: `secret of ${id}`.padEnd(32, '.') }));
const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id);

test('a rotation adds a key for checking, then lets it sign; two keys live on, older ones go', () => {
  let list = keys('k1');
  const added = withNewKey(list, 'x'.repeat(64));
  expect([ids(added), pendingKey(added)?.id, ids(keysToDrop(added))]).toEqual([['k1', 'k2'], 'k2', []]);
  list = withPendingSigning(added);
  expect([ids(list), pendingKey(list)]).toEqual([['k2', 'k1'], null]);

  const again = withNewKey(list, 'y'.repeat(64));
  expect([ids(again), pendingKey(again)?.id, ids(keysToDrop(again))]).toEqual([['k2', 'k1', 'k3'], 'k3', ['k1']]);
  expect(ids(withPendingSigning(again))).toEqual(['k3', 'k2']);
});

test('keys with names of their own are older than any that was made here', () => {
  const own = keys('spring', 'winter');
  expect(pendingKey(own)).toBeNull();
  const added = withNewKey(own, 'x'.repeat(64));
  expect([ids(added), pendingKey(added)?.id]).toEqual([['spring', 'winter', 'k1'], 'k1']);
  expect(ids(withPendingSigning(added))).toEqual(['k1', 'spring']);
});

test('a rotation that was broken off goes on with the key that it had made', () => {
  expect(pendingKey(keys('k2', 'k1', 'k3'))?.id).toBe('k3');
  expect(() => withPendingSigning(keys('k2', 'k1'))).toThrow('no key is pending');
});
