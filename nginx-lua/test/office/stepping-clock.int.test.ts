import { afterAll, beforeAll, expect, test } from 'vitest';
import { createChallenges } from '#gateway/tickets/challenge.ts';
import { createAuthenticate, signSession } from '#http/authenticate.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import { createRandom } from '#lab/random.ts';
import { edgeOffice, saleOf, startEdge, type TestEdge } from '#lab/servers/edge.ts';
import { edgeLua, openToLua } from '#lab/servers/edge-lua.ts';

let edge: TestEdge;
const sale = saleOf('none', { challenge: 'none' });
beforeAll(async () => {
  edge = await startEdge({}, [], { beforeStart: openToLua });
  await edge.agent.send({ type: 'snapshot', sales: [sale], office: edgeOffice });
});
afterAll(() => edge.stop());

const t0 = Date.parse('2026-11-30T12:00:00Z');
const minuteMs = 60_000;
const random = createRandom(16);
/** Forward by a night, back by an hour, by a millisecond, and to where the clock was before. */
const moments = Array.from({ length: 300 }, () => {
  const step = random.pick([0, 1, -1, 4999, 5000, 5001, minuteMs, 5 * minuteMs, -60 * minuteMs, 12 * 60 * minuteMs]);
  return t0 + random.pick([0, 5 * minuteMs, 12 * 60 * minuteMs]) + step * random.pick([1, -1]);
});

test('a clock that steps: of each moment the edge says of a token and a challenge what the gateway says of that moment', async () => {
  let nowMs = t0;
  const authenticate = createAuthenticate(edgeOffice.sessionSecret, { now: () => nowMs });
  const challenges = createChallenges(edgeOffice.challengeSecret);
  const node = saleNode({ saleId: 'none', challenge: 'none' });
  const authorization = `Bearer ${signSession('ada', edgeOffice.sessionSecret, t0)}`;
  const { challengeId } = challenges.create(node, 'ada', t0);

  const expected: { who: string; challenge: string }[] = [];
  for (nowMs of moments) {
    const bearer = await authenticate(new Request('http://edge/', { headers: { authorization } }));
    const verdict = challenges.judge(node, challengeId, '', 'ada', nowMs).kind;
    expected.push({
      who: bearer.kind === 'known' ? bearer.userId : bearer.detail,
      challenge: verdict === 'right' ? 'none' : verdict,
    });
  }
  const script = `
    local input, said = ..., {}
    local session, challenge = require('seckill.office.session'), require('seckill.office.challenge')
    for i, now_ms in ipairs(input.moments) do
      local user, detail = session.user(input.authorization, now_ms)
      said[i] = { who = user or detail or '', challenge = challenge.read(input.challengeId, input.sale, 'ada', now_ms) }
    end
    return said`;
  expect(await edgeLua(edge, script, { moments, authorization, challengeId, sale })).toEqual(expected);
  expect(new Set(expected.map((said) => JSON.stringify(said))).size).toBe(3);
});
