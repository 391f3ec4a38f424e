import { expect, test } from 'vitest';
import { checkCheckout, judgeKeys } from './checkout.ts';

const url = 'https://shop.example/{orderId}';
const key = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k', alg: 'ES256', use: 'sig' };
const answered = (status: number | null, keys: object[]) => ({
  status,
  text: JSON.stringify({ keys }),
  says: 'e1 answers',
});

test('a sale whose shoppers cannot be sent to the checkout of the shop is told before it opens, with the settings to set', async () => {
  expect(judgeKeys(answered(200, []), url)).toMatchObject({
    verdict: 'fail',
    says: `${url} takes the money, and nobody can be sent there`,
    mend: expect.stringMatching(/SECKILL_HAND_OVER_KEY, SECKILL_HAND_OVER_SECRET and SECKILL_PUBLIC_URL/),
  });
  expect(judgeKeys(answered(200, [key, key]), url)).toMatchObject({
    verdict: 'pass',
    says: expect.stringMatching('2 keys'),
  });
  expect(judgeKeys(answered(503, []), url)).toMatchObject({
    verdict: 'fail',
    says: expect.stringMatching('e1 answers'),
  });
  expect(await checkCheckout([], url)).toMatchObject({ verdict: 'fail' });
});
