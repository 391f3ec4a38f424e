import { expect, test } from 'vitest';
import { createCall } from '#gateway/pages/browser/api.ts';
import { askPatiently as pageAsks } from '#gateway/pages/browser/purchase.ts';
import { askPatiently } from './patience.ts';
import type { Answer } from './shopper.ts';

/** What is answered in turn, the last one for good; null: the connection breaks. */
type Script = ({ status: number; code?: string; retryAfter?: number; isHtml?: boolean } | null)[];

const scripts: Record<string, Script> = {
  'a yes at once': [{ status: 200 }],
  'busy for a while': [
    { status: 503, code: 'BUSY', retryAfter: 1 },
    { status: 503, code: 'UNAVAILABLE' },
    { status: 201 },
  ],
  'too fast': [{ status: 429, code: 'RATE_LIMITED', retryAfter: 3 }, { status: 429 }, { status: 200 }],
  'a line that breaks': [null, null, { status: 200 }],
  'a bare 502': [{ status: 502, isHtml: true }, { status: 200 }],
  'sold out': [{ status: 410, code: 'SOLD_OUT' }],
  paused: [{ status: 503, code: 'PAUSED', retryAfter: 5 }],
  'a moment too early': [
    { status: 403, code: 'NOT_OPEN', retryAfter: 1 },
    { status: 403, code: 'NOT_OPEN', retryAfter: 1 },
    { status: 202 },
  ],
  'far too early': [{ status: 403, code: 'NOT_OPEN', retryAfter: 60 }],
  'busy for good': [{ status: 503, code: 'BUSY', retryAfter: 2 }],
  'away for good': [null],
};

/** Time that only waiting moves, and what was waited. */
function clock() {
  const waited: number[] = [];
  let at = 0;
  const pass = async (ms: number) => {
    waited.push(ms);
    at += ms;
  };
  return { waited, pass, nowMs: () => at };
}

const next = (script: Script, turn: number) => script[Math.min(turn, script.length - 1)] ?? null;

test.each(Object.entries(scripts))('a shopper of the crowd waits as the page does: %s', async (_name, script) => {
  const page = clock();
  let turn = 0;
  const call = createCall(async () => {
    const it = next(script, turn++);
    if (it === null) throw new TypeError('fetch failed');
    const headers = it.retryAfter === undefined ? {} : { 'retry-after': String(it.retryAfter) };
    return new Response(it.isHtml ? '<html>' : JSON.stringify({ code: it.code }), { status: it.status, headers });
  });
  const reply = await pageAsks({ sleep: page.pass, nowMs: page.nowMs, random: () => 0.5, onWait: () => {} }, () =>
    call('POST', '/'),
  );

  const ours = clock();
  let repeats = 0;
  const answer = await askPatiently(
    { pause: ours.pass, nowMs: ours.nowMs, random: () => 0.5, onRepeat: () => repeats++ },
    async (attempt): Promise<Answer> => {
      const it = next(script, attempt - 1);
      if (it === null || it.isHtml) throw new Error('no JSON, or nothing at all');
      const body = it.code === undefined ? {} : { code: it.code };
      return { status: it.status, body, retryAfterSeconds: it.retryAfter ?? 0 };
    },
    true,
  );
  expect(ours.waited).toEqual(page.waited);
  expect(repeats).toBe(ours.waited.length);
  const kind = answer === null ? 'lost' : answer.status < 300 ? 'ok' : 'refused';
  expect(kind).toBe(reply.kind);
});
