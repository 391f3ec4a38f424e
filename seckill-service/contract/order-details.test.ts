import { expect, test } from 'vitest';
import { judgeDetails } from './order-details.ts';
import { collectedDetails } from './sale.ts';

const good = {
  name: '张三',
  email: 'zhang.san@例子.中国',
  phone: '+86 138-0013-8000',
  address: { lines: ['人民路 1 号'], city: '上海', postalCode: '200001', country: 'CN' },
};
const judge = (changes: Record<string, unknown>) => judgeDetails(collectedDetails, { ...good, ...changes });
const refusal = (changes: Record<string, unknown>) => {
  const verdict = judge(changes);
  return verdict.kind === 'refused' ? verdict.detail : verdict.kind;
};

test('contact and address of any script are taken as they are written, a phone number without what is between its digits', () => {
  expect(judge({})).toEqual({ kind: 'fine', details: { ...good, phone: '+8613800138000' } });
  const arabic = { lines: ['شارع الشيخ زايد ١٢'], city: 'دبي', country: 'AE' };
  expect(judge({ name: ' محمد علي ', address: arabic })).toMatchObject({
    kind: 'fine',
    details: { name: 'محمد علي', address: arabic },
  });
  for (const [written, kept] of [
    ['(010) 6552 9988', '01065529988'],
    ['１３８ ００１３ ８０００', '13800138000'],
    ['٠٥٠ ١٢٣ ٤٥٦٧', '0501234567'],
    ['+1 (212) 555-0100', '+12125550100'],
  ])
    expect(judge({ phone: written })).toMatchObject({ details: { phone: kept } });
});

test('markup is text like any other: it is kept, not cut', () => {
  const name = '<img src=x onerror=alert(1)> & "O\'Neill"';
  expect(judge({ name })).toMatchObject({ kind: 'fine', details: { name } });
});

test('what is not seen, or turns the direction of other text, is refused', () => {
  for (const sign of ['\u202e', '\u2066', '\u200f', '\u0000', '\n', '\u{e0041}'])
    expect(refusal({ name: `Zhang${sign}San` })).toMatch(/^name: must not contain/);
  expect(refusal({ name: '\ud800' })).toMatch(/^name: must be whole characters/);
});

test('every field that is wrong is named at once, with what to do, and no value is repeated', () => {
  const detail = refusal({
    name: 'x'.repeat(121),
    email: 'secret-at-nowhere',
    phone: '12',
    address: { lines: ['a', 'b', 'c', 'd', 'e'], city: ' ', country: 'XX' },
  });
  expect(detail.split('; ')).toEqual([
    'name: must be at most 120 characters',
    'email: must be an address such as you@example.com',
    'phone: must be a phone number of 6 to 15 digits, such as +86 138 0013 8000',
    'address.lines: must be at most 4 lines',
    'address.city: must not be empty',
    'address.country: must be the two letters of a country, such as CN (ISO 3166-1)',
  ]);
});

test('what the sale collects must be there, and nothing else may', () => {
  const asked = (body: unknown) => judgeDetails(['email'], body);
  expect(asked({ email: 'a@b.example' })).toEqual({ kind: 'fine', details: { email: 'a@b.example' } });
  expect(asked({})).toMatchObject({ detail: 'email: must be given' });
  expect(asked({ email: 'a@b.example', name: 'a' })).toMatchObject({
    detail: 'body: has fields that are not asked for: leave out all but email',
  });
  for (const body of [null, [], 'text', 1])
    expect(asked(body)).toMatchObject({ detail: expect.stringMatching(/^body: /) });
});

test('a postal code may be missing only where addresses have none', () => {
  const address = { lines: ['1 Long Road'], city: 'Town' };
  expect(refusal({ address: { ...address, country: 'HK' } })).toBe('fine');
  expect(refusal({ address: { ...address, country: 'DE' } })).toMatch(/^address.postalCode: must not be empty/);
});
