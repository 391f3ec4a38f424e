import { afterAll, beforeAll, expect, test } from 'vitest';
import { challengeSchema } from '#contract/challenge.ts';
import { toEdgeSale } from '#contract/edge-stream.ts';
import type { SaleNode } from '#contract/sale.ts';
import { createChallenges } from '#gateway/tickets/challenge.ts';
import { createTicketApp } from '#gateway/tickets/issue.ts';
import { sealQuiz } from '#gateway/tickets/quiz.ts';
import { saleOfficeOf } from '#gateway/tickets/sale-office.ts';
import { createAuthenticate, signSession } from '#http/authenticate.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import { poll } from '#lab/poll.ts';
import { edgeOffice, startEdge, type TestEdge } from '#lab/servers/edge.ts';

const minuteMs = 60_000;
const userId = 'user-0b1c';
const reference = createChallenges(edgeOffice.challengeSecret);
const quiz = sealQuiz(edgeOffice.challengeSecret, 'quiz', [{ question: 'Which lake?', answers: ['West Lake'] }]);

const opensAt = (inMs: number) => ({
  opensAt: new Date(Date.now() + inMs).toISOString(),
  closesAt: new Date(Date.now() + inMs + 60 * minuteMs).toISOString(),
});
const shown = (saleId: string, changes: Partial<SaleNode> = {}) =>
  saleNode({ saleId, window: opensAt(-minuteMs), ...changes });
const onSale = Object.fromEntries(
  [
    shown('sum'),
    shown('quiz', { quiz }),
    shown('pow', { challenge: 'pow' }),
    shown('none', { challenge: 'none' }),
    shown('sold-out', { state: 'sold_out' }),
    shown('paused', { state: 'paused' }),
    shown('draft', { state: 'draft' }),
    shown('closed', { state: 'closed' }),
    shown('over', { window: opensAt(-61 * minuteMs) }),
    shown('upcoming', { window: opensAt(61 * minuteMs) }),
    shown('in-lead', { window: opensAt(9 * minuteMs), challengeLeadSeconds: 600 }),
    shown('before-lead', { window: opensAt(61 * minuteMs), challengeLeadSeconds: 600 }),
  ].map((sale) => [sale.saleId, sale]),
);
const toOwnSale = (sale: SaleNode) => ({ ...toEdgeSale(sale), office: saleOfficeOf(sale) });

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
  await edge.agent.send({ type: 'snapshot', sales: Object.values(onSale).map(toOwnSale), office: edgeOffice });
});
afterAll(() => edge?.stop());

/** The gateway itself, in this process. */
const gateway = createTicketApp({
  findSale: (saleId) => onSale[saleId] ?? null,
  knowsAll: () => true,
  challenges: reference,
  authenticate: createAuthenticate(edgeOffice.sessionSecret),
  ticketKeys: () => [],
  ticketTtlMs: edgeOffice.ticketTtlMs,
  now: Date.now,
});
const headers = ['content-type', 'cache-control', 'retry-after', 'www-authenticate'];
const told = async (answer: Response) => ({
  status: answer.status,
  headers: headers.map((name) => answer.headers.get(name)),
  body: (await answer.text())
    .replace(/\.[0-9a-z]{8}\.[\w-]{8}\.[\w-]{43}"/, '.…"')
    .replace(/(?<="expiresAt":")[^"]+/, '…'),
});
const ask = (path: string, init: RequestInit) => fetch(`${edge.url}${path}`, init);
const tokens = async () => ({
  good: await signSession(userId, edgeOffice.sessionSecret, Date.now()),
  expired: await signSession('ada', edgeOffice.sessionSecret, Date.now() - 13 * 60 * minuteMs),
  forged: await signSession('ada', 'another secret of at least 32 characters', Date.now()),
});

test.each([
  'none',
  'sold-out',
  'paused',
  'in-lead',
  'upcoming',
  'pow',
  'before-lead',
  'draft',
  'closed',
  'over',
  'no-such',
])('a challenge of the sale `%s` is answered as the gateway answers it, whoever asks', async (saleId) => {
  const { good, expired, forged } = await tokens();
  for (const authorization of [`Bearer ${good}`, `bearer ${expired}`, `Bearer ${forged}`, null]) {
    const init = authorization === null ? {} : { headers: { authorization } };
    const path = `/api/sales/${saleId}/challenge`;
    const isSum = (it: { body: string }) => it.body.includes('What is');
    // A wait in whole seconds may be another one a moment later.
    const before = await told(await gateway.request(path, init));
    const ofEdge = await told(await ask(path, init));
    const after = await told(await gateway.request(path, init));
    if (isSum(before)) {
      expect(ofEdge.status).toBe(200);
      expect([ofEdge.headers, isSum(ofEdge)]).toEqual([before.headers, true]);
    } else expect([before, after]).toContainEqual(ofEdge);
  }
  expect(edge.gateway.seen).toEqual([]);
});

test('a challenge tells its length, and is good at the gateway for the token’s user', async () => {
  const { good } = await tokens();
  const answer = await ask('/api/sales/quiz/challenge', { headers: { authorization: `Bearer ${good}` } });
  const text = await answer.text();
  expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
  const { challengeId } = challengeSchema.parse(JSON.parse(text));
  const judged = (user: string) => reference.judge(onSale.quiz ?? saleNode(), challengeId, 'no', user, Date.now()).kind;
  expect([judged(userId), judged('ada')]).toEqual(['wrong', 'foreign']);
});

test('a challenge is passed on when it is asked by HEAD, and while the edge does not know what the sale asks', async () => {
  await edge.agent.send({ type: 'sale', sale: toEdgeSale({ ...saleNode(), saleId: 'untold', window: opensAt(0) }) });
  const { good } = await tokens();
  const init = { headers: { authorization: `Bearer ${good}` } };
  await ask('/api/sales/sum/challenge', { ...init, method: 'HEAD' });
  await ask('/api/sales/untold/challenge', init);
  expect(edge.gateway.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'HEAD /api/sales/sum/challenge',
    'GET /api/sales/untold/challenge',
  ]);
});

// The last one: it counts what those before it have asked.
test('a challenge is counted by sale and outcome', async () => {
  const series = (sale: string, outcome: string) =>
    `seckill_edge_office_total{route="challenge",sale="${sale}",outcome="${outcome}"}`;
  const expected = [
    ...['pow', 'sold-out', 'in-lead', 'quiz'].map((saleId) => `${series(saleId, 'answered')} 1`),
    `${series('pow', 'unauthenticated')} 3`,
    `${series('before-lead', 'not_open')} 4`,
    `${series('draft', 'not_open')} 4`,
    `${series('over', 'sale_closed')} 4`,
    `${series('', 'sale_unknown')} 4`,
    `${series('sum', 'passed_method')} 1`,
    `${series('untold', 'passed_sale')} 1`,
  ];
  let lines: string[] = [];
  await poll('the counters are flushed', async () => {
    lines = (await edge.metrics()).split('\n');
    return expected.every((line) => lines.includes(line));
  }).catch(() => expect(lines).toEqual(expect.arrayContaining(expected)));
});
