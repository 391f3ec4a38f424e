import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { startCountingUpstream } from '#lab/servers/counting-upstream.ts';
import { buy, refusal, retryAfter, saleOf, seenOf, startEdge, type TestEdge } from '#lab/servers/edge.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';

describe('an edge whose service is away', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await startEdge();
    await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
  });
  afterAll(() => edge.stop());

  test('says UNAVAILABLE, keeps no place in flight, and serves again when it is back', async () => {
    await edge.service.stop();
    const answer = await buy(edge, 'open');
    expect(seenOf(answer)).toEqual(refusal('UNAVAILABLE'));
    expect(retryAfter(answer)).toBe(1);
    await edge.restartService();
    await poll('the service is asked again', async () => (await buy(edge, 'open')).status === 202);
    await poll('no place is kept', async () => (await edge.metrics()).includes('seckill_edge_in_flight 0\n'));
  });

  test('says UNAVAILABLE when the service drops the connection, and never sends the purchase twice', async () => {
    const answer = edge.service.answer;
    edge.service.seen.length = 0;
    edge.service.answer = (_, response) => response.socket?.destroy();
    const seen = await buy(edge, 'open');
    edge.service.answer = answer;
    expect(seenOf(seen)).toEqual(refusal('UNAVAILABLE'));
    expect(edge.service.seen.length).toBe(1);
  });
});

test('of two services a dead one is passed over unseen, and a purchase that was sent is never sent to the other', async () => {
  const path = join(temporaryDirectory('edge'), 'second.sock');
  const pair = await startEdge({}, [path]);
  onTestFinished(pair.stop);
  await pair.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
  for (let nth = 0; nth < 6; nth += 1) expect((await buy(pair, 'open')).status).toBe(202);
  expect(pair.service.seen.length).toBe(6);

  pair.service.answer = (_, response) => response.socket?.destroy();
  const second = await startCountingUpstream(path, (_, response) => response.socket?.destroy());
  onTestFinished(() => second.stop());
  const seen = await Promise.all(Array.from({ length: 10 }, () => buy(pair, 'open')));
  for (const answer of seen) expect(seenOf(answer)).toEqual(refusal('UNAVAILABLE'));
  expect(pair.service.seen.length - 6 + second.seen.length).toBeLessThanOrEqual(10);
});

test('services that are stopped in turn, each when the other one is just back, cost no purchase an answer', async () => {
  const path = join(temporaryDirectory('edge'), 'second.sock');
  const pair = await startEdge({}, [path]);
  onTestFinished(pair.stop);
  await pair.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
  let second = await startCountingUpstream(path, pair.service.answer);
  onTestFinished(() => second.stop());
  // A dozen at once, so that each worker meets the service that is down.
  const crowd = async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => buy(pair, 'open')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
  };
  await crowd();
  for (let round = 0; round < 3; round += 1) {
    await pair.service.stop();
    await crowd();
    await pair.restartService();
    await second.stop(); // the edge may not have asked the first one since it came back
    await crowd();
    second = await startCountingUpstream(path, pair.service.answer);
  }
});
