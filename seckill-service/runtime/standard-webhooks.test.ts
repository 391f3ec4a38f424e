import { expect, test } from 'vitest';
import { newWebhookSecret, parseWebhookSecrets, signWebhook, verifyWebhook } from './standard-webhooks.ts';

const nowMs = 1_614_265_330_000;
const [key, other, young] = ['a', 'b', 'c'].map((letter) => Buffer.alloc(32, letter)) as [Buffer, Buffer, Buffer];
const body = '{"type":"payment.succeeded"}';
const signed = (changes: Record<string, string> = {}, at = nowMs) =>
  new Headers({ ...signWebhook({ id: 'evt_1', body, nowMs: at }, [key]), ...changes });
const verdict = (headers: Headers, keys = [key], text = body) => verifyWebhook({ headers, body: text, nowMs }, keys);

test("signs the specification's own example as it does", () => {
  const keys = parseWebhookSecrets('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  const headers = signWebhook({ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}', nowMs }, keys);
  expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

test('a genuine webhook is known by its id', () => {
  expect(verdict(signed())).toEqual({ kind: 'genuine', id: 'evt_1' });
});

test('a changed body, id or timestamp, another key, and a signature of another kind are refused', () => {
  const refused = { kind: 'refused', why: 'signature' };
  expect(verdict(signed(), [key], `${body} `)).toEqual(refused);
  expect(verdict(signed({ 'webhook-id': 'evt_2' }))).toEqual(refused);
  expect(verdict(signed({ 'webhook-timestamp': String(nowMs / 1000 + 1) }))).toEqual(refused);
  expect(verdict(signed(), [other])).toEqual(refused);
  for (const signature of ['v1,', 'v1,AAAA', 'v1a,AAAA', 'nonsense', ' ']) {
    expect(verdict(signed({ 'webhook-signature': signature })).kind).toBe('refused');
  }
});

test('headers that are missing or malformed are told apart from a wrong signature', () => {
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
    const headers = signed();
    headers.delete(name);
    expect(verdict(headers)).toEqual({ kind: 'refused', why: 'headers' });
  }
  expect(verdict(signed({ 'webhook-timestamp': '1e9' }))).toEqual({ kind: 'refused', why: 'headers' });
});

test('one that is more than five minutes old, or as early, is refused although it is genuine', () => {
  expect(verdict(signed({}, nowMs - 299_000)).kind).toBe('genuine');
  expect(verdict(signed({}, nowMs - 301_000))).toEqual({ kind: 'refused', why: 'timestamp' });
  expect(verdict(signed({}, nowMs + 302_000))).toEqual({ kind: 'refused', why: 'timestamp' });
});

test('while secrets rotate, either verifies, and one of several signatures is enough', () => {
  expect(verdict(signed(), [young, key]).kind).toBe('genuine');
  const both = `${signed().get('webhook-signature')} v1,${Buffer.alloc(32).toString('base64')}`;
  expect(verdict(signed({ 'webhook-signature': both })).kind).toBe('genuine');
});

test('what is signed with two secrets is genuine to whoever has one of them', () => {
  const headers = new Headers(signWebhook({ id: 'evt_1', body, nowMs }, [young, key]));
  for (const keys of [[young], [key]]) expect(verdict(headers, keys).kind).toBe('genuine');
  expect(verdict(headers, [other]).kind).toBe('refused');
});

test('a new secret is one, and never the same', () => {
  const secrets = [newWebhookSecret(), newWebhookSecret()];
  expect(parseWebhookSecrets(secrets.join(' ')).map((each) => each.length)).toEqual([32, 32]);
  expect(secrets[0]).not.toBe(secrets[1]);
});

test('secrets are read as the specification writes them, several at once; anything else is refused', () => {
  const text = [key, other].map((each) => `whsec_${each.toString('base64')}`).join(', ');
  expect(parseWebhookSecrets(text)).toEqual([key, other]);
  for (const wrong of ['', 'secret', `whsec_${Buffer.alloc(12).toString('base64')}`, `${text},x`]) {
    expect(() => parseWebhookSecrets(wrong)).toThrow(/must/);
  }
});
