import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formatOrigin, parseOrigin, requestIdPattern } from './origin.ts';

const requestId = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const traceparent = `00-${requestId}-00f067aa0ba902b7-01`;

test.each([{}, { requestId }, { traceparent }, { requestId, traceparent }])('%o survives the outbox', (origin) => {
  expect(parseOrigin(formatOrigin(origin))).toEqual(origin);
});

test.each([undefined, '', ' ', 'short', 'a b c', `${'x'.repeat(65)} 00-nonsense`, '{"json":"1234567"}'])(
  'what nobody of ours wrote (%s) is left out',
  (text) => {
    expect(parseOrigin(text)).toEqual({});
  },
);

test('the edge takes the same names of requests as the contract', () => {
  const maps = readFileSync(new URL('../../nginx-lua/conf.d/maps.conf.template', import.meta.url), 'utf8');
  const pattern = /map \$http_x_request_id \$seckill_request_id \{\n.*\n {2}"~(\S+)" \$http_x_request_id;/.exec(
    maps,
  )?.[1];
  expect(pattern).toBe(requestIdPattern.source);
});
