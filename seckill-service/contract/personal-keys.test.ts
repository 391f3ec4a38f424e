import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { parsePersonalKeys } from './personal-keys.ts';

const key = randomBytes(32).toString('base64');
const other = randomBytes(32).toString('base64');

test('keys are read in their order, each with its id', () => {
  const keys = parsePersonalKeys(`p2:${key}, p1:${other}`);
  expect(keys.map(({ id, key: bytes }) => [id, bytes.toString('base64')])).toEqual([
    ['p2', key],
    ['p1', other],
  ]);
});

test('what is no key is refused with what to do, and without the key', () => {
  const short = randomBytes(16).toString('base64');
  for (const [text, says] of [
    ['', 'must be <id>:<key>'],
    [key, 'must be <id>:<key>'],
    [`p1:${short}`, 'openssl rand -base64 32'],
    [`p1:${key.slice(0, -1)}`, 'openssl rand -base64 32'],
    [`p1:${key},p1:${other}`, 'only once'],
  ] as const) {
    let message = 'nothing was thrown';
    try {
      parsePersonalKeys(text);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain(says);
    for (const secret of [key, other, short]) expect(message).not.toContain(secret.slice(0, 10));
  }
});
