import { expect, test } from 'vitest';
import { publicSaleKey, publicSalesKey } from '#contract/redis-keys.ts';
import { saleIdPattern } from '#contract/sale.ts';
import { runLua } from '#lab/kits/lua/run-lua.ts';

test('the edge asks Redis for the keys that the contract names', () => {
  const seen = runLua(
    `local tiers = require('seckill.tiers')
     return { tiers.redis_key('autumn-phone'), tiers.redis_key(tiers.LIST) }`,
  );
  expect(seen).toEqual([publicSaleKey('autumn-phone'), publicSalesKey]);
});

test('the edge asks for the same ids that the contract calls sale ids, and for no others', () => {
  const ids = [
    'a',
    'a-b',
    'a'.repeat(48),
    'a'.repeat(49),
    '-a',
    'a-',
    '',
    'A',
    'a_b',
    'a b',
    'a\n',
    '*',
    'é',
    '0',
    'a--b',
  ];
  const seen = runLua(
    `local tiers, seen = require('seckill.tiers'), {}
     for i, id in ipairs(input) do seen[i] = tiers.is_sale_id(id) end
     return seen`,
    ids,
  );
  expect(seen).toEqual(ids.map((id) => saleIdPattern.test(id)));
});
