import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createSeal, type Seal } from './seal.ts';

const keyOf = (id: string) => ({ id, key: randomBytes(32) });
const [p1, p2] = [keyOf('p1'), keyOf('p2')];
const sealOf = (...keys: Parameters<typeof createSeal>[0]): Seal => {
  const seal = createSeal(keys);
  if (seal === null) throw new Error('there is a key');
  return seal;
};

test('what was sealed opens for its own order alone (I10)', () => {
  const seal = sealOf(p1);
  const sealed = seal.seal('o-1', '名字');
  expect(seal.open('o-1', sealed)).toBe('名字');
  expect(sealed.sealed.includes('名字')).toBe(false);
  expect(() => seal.open('o-2', sealed)).toThrow('do not open');
});

test('the same text is sealed to other bytes each time, and a changed byte opens no more', () => {
  const seal = sealOf(p1);
  const [one, two] = [seal.seal('o', 'text'), seal.seal('o', 'text')];
  expect(one.sealed.equals(two.sealed)).toBe(false);
  for (const at of [0, 14, one.sealed.length - 1]) {
    const changed = Buffer.from(one.sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => seal.open('o', { keyId: 'p1', sealed: changed })).toThrow('do not open');
  }
  expect(() => seal.open('o', { keyId: 'p1', sealed: Buffer.alloc(3) })).toThrow('do not open');
});

test('the first key seals and all open, so that a key can be replaced; a missing one is named', () => {
  const old = sealOf(p1).seal('o', 'text');
  const both = sealOf(p2, p1);
  expect(both.open('o', old)).toBe('text');
  expect(both.seal('o', 'text').keyId).toBe('p2');
  expect(() => sealOf(p2).open('o', old)).toThrow('key "p1": add it to SECKILL_PERSONAL_KEYS');
  expect(createSeal([])).toBeNull();
});
