import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { problemBody, problemContentType } from '#contract/problems.ts';
import { poll } from '#lab/poll.ts';
import type { CountingUpstream } from '#lab/servers/counting-upstream.ts';
import { ask, buy, refusal, saleOf, seenOf, startEdge, type TestEdge } from '#lab/servers/edge.ts';

let edge: TestEdge;
let accept: CountingUpstream['answer'];
/** Set by a test after which the agent says nothing more. */
let isAgentLost = false;

beforeAll(async () => {
  edge = await startEdge();
  accept = edge.service.answer;
});
afterAll(() => edge.stop());
/** An empty snapshot: the edge forgets the sales and their epochs. */
afterEach(async () => {
  if (isAgentLost) {
    await edge.agent.stop();
    await edge.restartAgent();
    isAgentLost = false;
  }
  await edge.agent.send({ type: 'snapshot', sales: [] });
  edge.service.answer = accept;
  edge.service.seen.length = 0;
});

const statusOf = async (saleId: string) => (await buy(edge, saleId)).status;
const ready = async (of = edge) => (await fetch(`${of.innerUrl}/readyz`)).status;

// The first one: it counts all that this nginx has seen.
test('the metrics tell every outcome, the epochs and the age of the stream', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('a', { epoch: 9 }), saleOf('b', { state: 'sold_out' })] });
  await Promise.all([statusOf('a'), statusOf('b'), statusOf('b'), statusOf('stranger'), statusOf('stranger-2')]);
  await fetch(`${edge.url}/api/sales/a`);
  const expected = [
    'seckill_edge_info{edge="edge-test",platform="debian"} 1',
    'seckill_edge_requests_total{sale="",check="known_sale",outcome="sale_unknown"} 2',
    'seckill_edge_requests_total{sale="a",outcome="passed"} 1',
    'seckill_edge_requests_total{sale="b",check="sale_state",outcome="sold_out"} 2',
    'seckill_edge_upstream_total{sale="a",status="202"} 1',
    // Only what the service had in its hands was waited for.
    'seckill_edge_answer_seconds_bucket{le="+Inf"} 1',
    'seckill_edge_answer_seconds_count 1',
    'seckill_edge_sale_reads_total{tier="memory"} 1',
    'seckill_edge_in_flight 0',
    'seckill_edge_ready 1',
    'seckill_edge_applied_epoch{sale="a"} 9',
  ];
  let lines: string[] = [];
  await poll('the counters are flushed', async () => {
    lines = (await edge.metrics()).split('\n');
    return expected.every((line) => lines.includes(line));
  }).catch(() => expect(lines).toEqual(expect.arrayContaining(expected)));
  // What was flushed once is not flushed again.
  await statusOf('a');
  await poll('one more is one more', async () => {
    lines = (await edge.metrics()).split('\n');
    return lines.includes('seckill_edge_requests_total{sale="a",outcome="passed"} 2');
  });
  expect(lines).toContain('seckill_edge_requests_total{sale="b",check="sale_state",outcome="sold_out"} 2');
  expect(lines.join()).not.toContain('stranger');
  await poll('the stream is young', async () => {
    const age = /^seckill_edge_stream_age_seconds (.+)$/m.exec(await edge.metrics())?.[1];
    return Number(age) < 3;
  });
});

test('before the first snapshot a purchase is told UNAVAILABLE, not that there is no sale, and the edge is not ready', async () => {
  const fresh = await startEdge();
  onTestFinished(fresh.stop);
  fresh.gateway.answer = (_, response) => response.socket?.destroy();
  for (const path of ['/api/sales/open/orders', '/api/sales/open/ticket', '/api/sales/open', '/api/sales']) {
    const answer = await ask(fresh, path, { method: /orders|ticket/.test(path) ? 'POST' : 'GET' });
    expect(seenOf(answer)).toEqual(refusal('UNAVAILABLE'));
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  expect(await ready(fresh)).toBe(503);
  await fresh.agent.send({ type: 'snapshot', sales: [] });
  expect(await ready(fresh)).toBe(200);
  expect(seenOf(await buy(fresh, 'open'))).toEqual(refusal('SALE_UNKNOWN'));
});

test('nginx answers each snapshot and change with the epochs that it holds', async () => {
  expect(await edge.agent.send({ type: 'snapshot', sales: [saleOf('a', { epoch: 3 })] })).toEqual({ a: 3 });
  expect(await edge.agent.send({ type: 'sale', sale: saleOf('b', { epoch: 7 }) })).toEqual({ a: 3, b: 7 });
  expect(await edge.agent.send({ type: 'gone', id: 'a' })).toEqual({ b: 7 });
  expect(await edge.agent.send({ type: 'snapshot', sales: [] })).toEqual({});
});

test('once a change is answered, every worker obeys it', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('a')] });
  for (let epoch = 2; epoch < 40; epoch += 2) {
    await edge.agent.send({ type: 'sale', sale: saleOf('a', { epoch, state: 'sold_out' }) });
    expect(await Promise.all(Array.from({ length: 8 }, () => statusOf('a')))).toEqual(Array(8).fill(410));
    await edge.agent.send({ type: 'sale', sale: saleOf('a', { epoch: epoch + 1 }) });
    expect(await Promise.all(Array.from({ length: 8 }, () => statusOf('a')))).toEqual(Array(8).fill(202));
  }
});

test('a lower epoch is ignored, by change and by snapshot, and a snapshot removes what it does not name (I7)', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('a', { epoch: 5 }), saleOf('b')] });
  expect(await edge.agent.send({ type: 'sale', sale: saleOf('a', { epoch: 4, state: 'sold_out' }) })).toMatchObject({
    a: 5,
  });
  expect(await statusOf('a')).toBe(202);
  expect(await edge.agent.send({ type: 'snapshot', sales: [saleOf('a', { epoch: 4, state: 'closed' })] })).toEqual({
    a: 5,
  });
  expect(await statusOf('a')).toBe(202);
  expect(seenOf(await buy(edge, 'b'))).toEqual(refusal('SALE_UNKNOWN'));
});

test('a line that is not in the contract is skipped', async () => {
  await edge.agent.connected();
  // Three seconds in which the machine stands still end a connection too: then once more.
  await poll('all are skipped on one connection', async () => {
    const connections = edge.agent.connections();
    for (const line of ['', 'not json', '7', '{"type":"news"}', '{"type":"gone"}', '{"type":"snapshot"}'])
      edge.agent.write(line);
    expect(await edge.agent.send({ type: 'snapshot', sales: [saleOf('a')] })).toEqual({ a: 1 });
    return edge.agent.connections() === connections;
  });
});

test('the agent may die and come back: the last state is kept, and a snapshot follows the reconnect', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('a'), saleOf('b', { state: 'sold_out' })] });
  // Slower only where the machine stands still: then once more.
  await poll('nginx is back within a second and a half', async () => {
    await edge.agent.stop();
    expect([await statusOf('a'), await statusOf('b'), await ready()]).toEqual([202, 410, 200]);
    await edge.restartAgent();
    const from = performance.now();
    await edge.agent.connected();
    return performance.now() - from < 1500;
  });
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('a', { epoch: 2, state: 'paused' })] });
  expect([await statusOf('a'), await statusOf('b')]).toEqual([503, 404]);
});

test('a silent agent is left after three seconds, and the metrics say that the state may be old', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('a')] });
  await poll('the stream is called fresh', async () =>
    (await edge.metrics()).includes('seckill_edge_stream_stale 0\n'),
  );
  const connections = edge.agent.connections();
  edge.agent.fallSilent();
  isAgentLost = true;
  await poll('the stream is called stale', async () =>
    (await edge.metrics()).includes('seckill_edge_stream_stale 1\n'),
  );
  await poll('nginx connects again', () => edge.agent.connections() > connections);
  expect(await statusOf('a')).toBe(202);
});

test('an edge that nobody tells learns sold out from the service, sheds for a second, then asks again (I8)', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('a'), saleOf('b')] });
  isAgentLost = true;
  await edge.agent.stop();
  edge.service.answer = (_, response) => {
    response.writeHead(410, { 'content-type': problemContentType }).end(JSON.stringify(problemBody('SOLD_OUT')));
  };
  const from = performance.now();
  const seconds = () => (performance.now() - from) / 1000;
  expect(await statusOf('a')).toBe(410);
  // It learns when the answer is on its way to the shopper already.
  await poll('it is shown as sold out', async () => {
    await statusOf('a');
    return JSON.parse((await ask(edge, '/api/sales/a')).text).state === 'sold_out';
  });
  const before = edge.service.seen.length;
  for (let nth = 0; nth < 20; nth += 1) expect(seenOf(await buy(edge, 'a'))).toEqual(refusal('SOLD_OUT'));
  // None; but on a machine that needs seconds for this, once in each of them.
  expect(edge.service.seen.length - before).toBeLessThanOrEqual(seconds());

  edge.service.answer = accept;
  expect(await statusOf('b')).toBe(202);
  await poll('the service is asked again', async () => (await statusOf('a')) === 202);
  expect(seconds()).toBeGreaterThan(0.9);
});

test('what an edge learned by itself ends at once when a higher epoch says open (I7)', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('shed')] });
  await poll('it sheds what the service would take', async () => {
    edge.service.answer = (_, response) => response.writeHead(410).end();
    await statusOf('shed');
    edge.service.answer = accept;
    return (await statusOf('shed')) === 410;
  });
  await edge.agent.send({ type: 'sale', sale: saleOf('shed', { epoch: 2 }) });
  expect(await statusOf('shed')).toBe(202);
});

test('a late 410 of an older epoch closes nothing (I7)', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('late')] });
  const held: (() => void)[] = [];
  edge.service.answer = (_, response) => held.push(() => response.writeHead(410).end());
  const late = statusOf('late');
  await poll('the purchase is with the service', () => held.length === 1);
  await edge.agent.send({ type: 'sale', sale: saleOf('late', { epoch: 2 }) });
  edge.service.answer = accept;
  for (const release of held) release();
  expect(await late).toBe(410);
  expect(await statusOf('late')).toBe(202);
});

// The last one: its old workers end connections that another test would use.
test('a reload keeps the state and serves on, with a stream of its own', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('a'), saleOf('b', { state: 'sold_out' })] });
  const connections = edge.agent.connections();
  edge.signal('SIGHUP');
  const seen = new Set<string>();
  const both = async () => `${await statusOf('a')} ${await statusOf('b')}`;
  await poll('the new workers connect', async () => {
    // The old workers may end a kept connection at any moment: that is no answer.
    await both().then(
      (statuses) => seen.add(statuses),
      () => null,
    );
    return edge.agent.connections() > connections && seen.size > 0;
  });
  expect([...seen]).toEqual(['202 410']);
});
