import { afterAll, beforeAll, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { buy, refusal, saleOf, seenOf, startEdge, type TestEdge, ticketFor } from '#lab/servers/edge.ts';

let edge: TestEdge;
const addressBurst = 6;

beforeAll(async () => {
  edge = await startEdge({ userPerSecond: 1, userBurst: 2, addressPerSecond: 1, addressBurst });
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open'), saleOf('sold-out', { state: 'sold_out' })] });
});
afterAll(() => edge.stop());

const rubbish = { 'content-type': 'text/plain', 'seckill-ticket': 'rubbish' };

test('the cheapest check speaks first, and a refusal before the limits takes nothing of them', async () => {
  expect(seenOf(await buy(edge, 'nobody', rubbish))).toEqual(refusal('SALE_UNKNOWN'));
  expect(seenOf(await buy(edge, 'open', rubbish))).toEqual(refusal('UNSUPPORTED_MEDIA_TYPE'));
  const ticket = { 'seckill-ticket': ticketFor('sold-out', { userId: 'patient' }) };
  for (let nth = 0; nth < 2 * addressBurst; nth += 1) {
    expect(seenOf(await buy(edge, 'sold-out', nth % 2 === 0 ? rubbish : ticket))).toEqual(refusal('SOLD_OUT'));
  }
  expect((await buy(edge, 'open', { 'seckill-ticket': ticketFor('open', { userId: 'patient' }) })).status).toBe(202);
});

test('each check counts what it refused under its own name, the limit by user apart from the one by address', async () => {
  await buy(edge, 'open', { 'seckill-ticket': null });
  await buy(edge, 'open', { 'seckill-ticket': 'rubbish' });
  const hasty = { 'seckill-ticket': ticketFor('open', { userId: 'hasty' }) };
  await poll('the user is limited', async () => (await buy(edge, 'open', hasty)).status === 429);
  await poll('the address is limited', async () => (await buy(edge, 'open')).status === 429);

  const expected = [
    /\{sale="open",check="content_type",outcome="unsupported_media_type"\} 1\n/,
    /\{sale="open",check="ticket",outcome="ticket_missing"\} 1\n/,
    /\{sale="open",check="ticket",outcome="ticket_invalid"\} 1\n/,
    /\{sale="open",check="user_rate",outcome="rate_limited"\} [1-9]/,
    /\{sale="open",check="address_rate",outcome="rate_limited"\} [1-9]/,
    /\{sale="sold-out",check="sale_state",outcome="sold_out"\} 12\n/,
  ];
  let page = '';
  await poll('every check has counted', async () => {
    page = await edge.metrics();
    return expected.every((line) => line.test(page));
  }).catch(() => expect(page).toBe(expected.join('\n')));
});
