import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { startTracing } from './tracing.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const common = { service: 'test', instance: 'test', logger };

test('without an endpoint there is no tracing, and nothing of OpenTelemetry is imported before one is known', async () => {
  expect(await startTracing({ ...common, endpoint: undefined, ratio: 1 })).toBeNull();
  const source = readFileSync(new URL('tracing.ts', import.meta.url), 'utf8');
  expect(source).not.toMatch(/^import (?!type ).*@opentelemetry/m);
});

test('a trace that is not sampled travels nowhere; one that is, by a W3C traceparent', async () => {
  const endpoint = 'http://127.0.0.1:9'; // discard: nobody is there
  const none = await startTracing({ ...common, endpoint, ratio: 0 });
  expect(none?.begin('purchase').traceparent).toBeNull();
  await none?.close();
  const all = await startTracing({ ...common, endpoint, ratio: 1 });
  expect(all?.begin('purchase').traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});
