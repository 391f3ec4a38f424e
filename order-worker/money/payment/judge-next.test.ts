import { expect, test } from 'vitest';
import { judgeNext } from './judge-next.ts';

const redirect = (url: string) => ({ kind: 'redirect', url });
const qr = (text: string) => ({ kind: 'qr', text });

test.each([
  { kind: 'none' },
  redirect('https://checkout.example/c/pay/cs_1?a=b#f'),
  redirect('http://127.0.0.1:8080/pay/1'),
  redirect('http://[::1]:8080/'),
  redirect('http://localhost/'),
  qr('https://qr.alipay.example/bax0'),
  qr('weixin://wxpay/bizpayurl?pr=0'),
  qr('plain text'),
])('a provider may have its shopper do this: %o', (next) => {
  expect(judgeNext(next)).toEqual({ kind: 'good', next });
});

test('a URL is kept as a browser reads it', () => {
  const next = redirect('https://checkout.example/a b/"<script>');
  expect(judgeNext(next)).toEqual({
    kind: 'good',
    next: redirect('https://checkout.example/a%20b/%22%3Cscript%3E'),
  });
});

test.each([
  [undefined, /./],
  [{ kind: 'app' }, /./],
  [redirect('javascript:alert(1)'), /http\(s\)/],
  [redirect('data:text/html,x'), /http\(s\)/],
  [redirect('//checkout.example'), /http\(s\)/],
  [redirect('http://checkout.example/'), /not of this machine/],
  [redirect('http://127.0.0.1.example/'), /not of this machine/],
  [redirect('https://shop@checkout.example/'), /user/],
  [redirect('https://:secret@checkout.example/'), /user/],
  [redirect(`https://checkout.example/${'x'.repeat(5000)}`), /./],
  [qr(''), /./],
  [qr('x'.repeat(1025)), /./],
  [qr('two\nlines'), /control/],
  [qr('half \ud83c of a sign'), /no Unicode/],
  [qr('http://checkout.example/'), /not of this machine/],
  [qr('https://shop:secret@checkout.example/'), /user/],
])('no shopper is sent there: %o', (next, why) => {
  expect(judgeNext(next)).toEqual({ kind: 'strange', why: expect.stringMatching(why) });
});
