import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { settings } from './settings.ts';
import { maxPageTokenLength, signInAddress } from './sign-in.ts';

const messageOf = (template: string) =>
  settings.SECKILL_SIGN_IN_URL.safeParse(template).error?.issues.map(({ message }) => message) ?? 'taken';

test.each([
  'https://login.example/?returnTo={returnTo}',
  'https://login.example/sign-in/{returnTo}?from=sale',
  'https://login.example:8443/app#/sign-in?back={returnTo}',
  'http://127.0.0.1:4000/sign-in?returnTo={returnTo}',
  'http://localhost/?r={returnTo}',
  'http://[::1]:4000/?r={returnTo}',
])('%s is a place to sign in', (template) => {
  expect(messageOf(template)).toBe('taken');
});

test.each([
  ['https://login.example/', /^must hold \{returnTo\} once/],
  ['https://login.example/?a={returnTo}&b={returnTo}', /^must hold \{returnTo\} once/],
  ['http://login.example/?r={returnTo}', /http:\/\/ is for a sign-in on this machine alone$/],
  ['http://localhost.example/?r={returnTo}', /on this machine alone$/],
  ['http://127.0.0.1.example/?r={returnTo}', /on this machine alone$/],
  ['javascript:alert(1)//{returnTo}', /^must be an https:\/\/ URL/],
  ['data:text/html,{returnTo}', /^must be an https:\/\/ URL/],
  ['ftp://login.example/{returnTo}', /^must be an https:\/\/ URL/],
  ['login.example/?r={returnTo}', /^must be an https:\/\/ URL/],
  ['/sign-in?r={returnTo}', /^must be an https:\/\/ URL/],
  ['https://{returnTo}/', /^must be an https:\/\/ URL/],
  ['https://login.example{returnTo}', /^must be an https:\/\/ URL/],
  ['https://shop:secret@login.example/?r={returnTo}', /^must have no user and no password/],
  ['https://shop@login.example/?r={returnTo}', /^must have no user and no password/],
])('%s is refused with a sentence that says what to do', (template, sentence) => {
  expect(messageOf(template)).toEqual([expect.stringMatching(sentence)]);
});

test('the way back is one value of the address, whatever it holds', () => {
  const back = 'https://shop.example/orders/a-1?x=1&sign-in=$&#token=evil';
  const filled = new URL(signInAddress('https://login.example/?returnTo={returnTo}&lang=en', back));
  expect([...filled.searchParams]).toEqual([
    ['returnTo', back],
    ['lang', 'en'],
  ]);
  expect(filled.hash).toBe('');
});

test('the longest token that a page takes is the longest that the edge passes on', async () => {
  const maps = await readFile(new URL('../../nginx-lua/conf.d/maps.conf.template', import.meta.url), 'utf8');
  const longest = /map \$http_authorization[^}]*\{1,(\d+)\}/.exec(maps)?.[1];
  expect('Bearer '.length + maxPageTokenLength).toBe(Number(longest));
});
