import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { createProblemApp } from '#http/problem-app.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { parseSamples } from '#runtime/prometheus-text.ts';
import { createAnswerTimes } from './answer-times.ts';

test('every answer is counted once, by the pattern of its route and the class of its status, faults too', async () => {
  const registry = createRegistry();
  const faults: [string, string | null][] = [];
  const orders = new Hono().get('/api/orders/:orderId', (context) => {
    if (context.req.param('orderId') === 'broken') throw new Error('redis is gone');
    return context.json({});
  });
  const app = createProblemApp(
    [orders],
    (error, request) => faults.push([error.message, request.headers.get('x-request-id')]),
    createAnswerTimes([registry]).middleware,
  );
  for (const id of ['a', 'b', 'broken']) await app.request(`/api/orders/${id}`, { headers: { 'x-request-id': id } });
  await app.request('/nowhere/1');
  await app.request('/nowhere/2');

  const counts = parseSamples(await registry.metrics())
    .filter(({ name }) => name === 'seckill_gateway_answer_seconds_count')
    .map(({ labels, value }) => [labels.route, labels.status, value]);
  expect(counts.sort()).toEqual([
    ['/api/orders/:orderId', '2xx', 2],
    ['/api/orders/:orderId', '5xx', 1],
    ['other', '4xx', 2],
  ]);
  expect(faults).toEqual([['redis is gone', 'broken']]);
});
