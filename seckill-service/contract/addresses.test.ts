import { expect, test } from 'vitest';
import { kafkaPlace } from './addresses.ts';

test.each([
  ['kafka://k1:9092', { brokers: ['k1:9092'], tls: false, sasl: null }],
  ['kafka+ssl://k1:9093,k2:9093/', { brokers: ['k1:9093', 'k2:9093'], tls: true, sasl: null }],
  [
    'kafka+ssl://me:a%40b%3Ac@k1:9093?mechanism=PLAIN',
    { brokers: ['k1:9093'], tls: true, sasl: { mechanism: 'PLAIN', username: 'me', password: 'a@b:c' } },
  ],
  [
    'kafka://me:secret@[::1]:9092',
    { brokers: ['[::1]:9092'], tls: false, sasl: { mechanism: 'SCRAM-SHA-512', username: 'me', password: 'secret' } },
  ],
])('the Kafka of %s', (text, place) => {
  expect(kafkaPlace.parse(text)).toEqual(place);
});

test.each([
  ['k1:9092', /^must be kafka:\/\//],
  ['http://k1:9092', /^must be kafka:\/\//],
  ['kafka://', /^must be kafka:\/\//],
  ['kafka://k1', /^must be host:port/],
  ['kafka://k1:99999', /^must be host:port/],
  ['kafka://me@k1:9092', /^must have user:password before the @$/],
  ['kafka://me:@k1:9092', /^must have user:password before the @$/],
  ['kafka://me:50%@k1:9092', /write %25/],
  ['kafka://me:secret@k1:9092?mechanism=GSSAPI', /^must have a mechanism of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512$/],
  ['kafka://k1:9092?mechanism=PLAIN', /^must have user:password where it has a mechanism$/],
  ['kafka://me:secret@k1:9092?acks=1', /^must not have acks: the only parameter is mechanism$/],
])('%s is refused with what it must be, and without its password', (text, words) => {
  const [issue] = kafkaPlace.safeParse(text).error?.issues ?? [];
  expect(issue?.message).toMatch(words);
  expect(issue?.message).not.toContain('secret');
});
