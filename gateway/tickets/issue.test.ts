import { expect, test } from 'vitest';
import { createChallenges } from './challenge.ts';
import { createTicketApp } from './issue.ts';

test('a gateway that has not read every sale yet does not say of one that it does not exist', async () => {
  let isComplete = false;
  const app = createTicketApp({
    findSale: () => null,
    knowsAll: () => isComplete,
    challenges: createChallenges('a secret of at least 32 characters'),
    authenticate: async () => ({ kind: 'known', userId: 'ada' }),
    ticketKeys: () => [],
    ticketTtlMs: 1000,
    now: Date.now,
  });
  const ask = async () => {
    const answer = await app.request('/api/sales/tea/challenge');
    const { code } = (await answer.json()) as { code: string };
    return { status: answer.status, code, retryAfter: answer.headers.get('retry-after') };
  };
  expect(await ask()).toMatchObject({ status: 503, code: 'UNAVAILABLE', retryAfter: '1' });
  isComplete = true;
  expect(await ask()).toMatchObject({ status: 404, code: 'SALE_UNKNOWN' });
});
