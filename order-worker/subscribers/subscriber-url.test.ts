import { expect, test } from 'vitest';
import { checkSubscriberUrl } from './subscriber-url.ts';

const outside = async () => ['93.184.215.14'];
const check = (url: string, allowInner = false, resolve = outside) => checkSubscriberUrl(url, { allowInner, resolve });

test('a public http(s) URL is fine, with port, path and query', async () => {
  const url = 'https://points.example:8443/hook?shop=1';
  expect(await check(url)).toEqual({ kind: 'fine', url });
});

test.each([
  ['points.example/hook', /is not a URL/],
  ['', /is not a URL/],
  ['ftp://points.example/', /must be http/],
  ['file:///etc/passwd', /must be http/],
  ['javascript:alert(1)', /must be http/],
  ['https://user:secret@points.example/', /user or a password/],
  ['https://points.example/#part', /fragment/],
  [`https://points.example/${'x'.repeat(2100)}`, /longer than 2048/],
  ['http://127.0.0.1/', /inner network: add --allow-inner/],
  ['http://0177.1/', /127.0.0.1 is in the inner network/],
  ['http://[::1]:8080/', /inner network/],
  ['http://169.254.169.254/latest/meta-data', /inner network/],
])('%s is refused, and told why', async (url, words) => {
  expect(await check(url)).toEqual({ kind: 'refused', says: expect.stringMatching(words) });
});

test('a name that leads inside is refused, unless that is allowed', async () => {
  const inside = async () => ['93.184.215.14', '10.0.0.7'];
  expect(await check('http://points.example/', false, inside)).toEqual({
    kind: 'refused',
    says: expect.stringContaining('points.example is 10.0.0.7'),
  });
  expect(await check('http://points.example/', true, inside)).toMatchObject({ kind: 'fine' });
});

test('a name without an address is not refused: it may be known where the workers are', async () => {
  const nowhere = () => Promise.reject(new Error('queryA ENOTFOUND'));
  expect(await check('http://points.example/', false, nowhere)).toMatchObject({ kind: 'unresolved' });
});

test('contact and address are sent over https, or to this machine', async () => {
  const personal = (url: string) => checkSubscriberUrl(url, { allowInner: true, personal: true, resolve: outside });
  expect(await personal('http://points.example/')).toMatchObject({
    kind: 'refused',
    says: expect.stringContaining('https alone'),
  });
  for (const url of ['https://points.example/', 'http://127.0.0.1:9000/', 'http://[::1]:9000/', 'http://localhost/'])
    expect([url, (await personal(url)).kind]).toEqual([url, 'fine']);
  expect((await personal('http://127.0.0.1.evil.example/')).kind).toBe('refused');
});
