import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { seckill } from '#lab/kits/command-line.ts';
import { takeAway } from '#lab/kits/odd-service.ts';
import { check, draft, ready } from '#lab/kits/sale-check.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import type { SaleCheck } from '../sale-check/sale-check.ts';

// What `sale check` finds on the whole path of a purchase. A service is taken from the edges here; it is put back, in more
// time than any of these polls has.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });
const { env, edges } = stackUnderTest();

const named = (found: SaleCheck['checks'], name: string) => found.filter((each) => each.check === name);
/** What fails once every edge, each by its address, fails to take a purchase through with these words, and `isSeen`. */
async function everyEdgeFails(saleId: string, words: RegExp, isSeen: (failed: SaleCheck['checks']) => boolean) {
  const { failed } = await check(saleId, 'every edge to fail', ({ failed }) => {
    const path = named(failed, 'whole path').map(({ says }) => says);
    const all = edges.every(({ url }) => path.some((says) => says.includes(url) && words.test(says)));
    return all && isSeen(failed);
  });
  return failed;
}

describe('without the service that the edges know', () => {
  let away: Awaited<ReturnType<typeof takeAway>> | undefined;
  let saleId: string;
  beforeAll(async () => {
    saleId = await draft();
    away = await takeAway('service-1');
  });
  // Each breaks it anew: here all is well again, for this sale too.
  afterAll(async () => {
    await away?.putBack();
    await ready(saleId);
  });

  test('an edge that reaches no service is noticed, although all of them are well', async () => {
    await everyEdgeFails(saleId, /UNAVAILABLE/, (all) => named(all, 'services').length === 0);
  });

  test('a service with another secret under the right name is noticed, although the ids of the keys agree', async () => {
    const changes = { SECKILL_TICKET_KEYS_FILE: undefined, SECKILL_TICKET_KEYS: `k1:${'another secret '.repeat(3)}` };
    await away?.whileOdd(changes, async () => {
      const failed = await everyEdgeFails(saleId, /TICKET_INVALID/, (all) => named(all, 'ticket keys').length === 0);
      expect(named(failed, 'whole path')).toMatchObject(
        edges.map(() => ({ mend: expect.stringContaining('seckill keys show') })),
      );
    });
  });

  test('a service whose gate is closed is named, and so are the edges that only it stands behind', async () => {
    const deadUrl = 'redis://127.0.0.1:1'; // no server listens there
    await away?.whileOdd({ SECKILL_STOCK_REDIS_URL: deadUrl }, async () => {
      // The edges fail without the good service; the odd one is known once it has begun.
      const isOdd = ([first, ...others]: SaleCheck['checks']) =>
        others.length === 0 && first?.says.includes('service-odd') === true;
      const failed = await everyEdgeFails(saleId, /UNAVAILABLE/, (all) => isOdd(named(all, 'services')));
      expect(named(failed, 'services')).toMatchObject([{ mend: expect.stringContaining('seckill status') }]);
      expect((await seckill(env, 'sale', 'open', saleId)).code).toBe(1);
    });
  });
});

test('where nobody can be signed in, a ticket of this machine is tried; without any, it says so and blocks nothing', async () => {
  const saleId = await draft();
  // As on a bastion: no stack is found either, which would know them.
  const { SECKILL_SESSION_SECRET: _secret, SECKILL_TICKET_KEYS_FILE: keys = '', SECKILL_RUN_DIR: _dir, ...bare } = env;
  const finds = (found: object[], more: Record<string, string>) =>
    vi.waitFor(
      async () => {
        const { stdout } = await seckill({ ...bare, ...more }, 'sale', 'check', saleId, '--json');
        expect(named((JSON.parse(stdout) as SaleCheck).checks, 'whole path')).toMatchObject(found);
      },
      { timeout: 120_000 },
    );
  await finds([{ verdict: 'warn', mend: expect.stringContaining('SECKILL_SESSION_SECRET') }], {});
  await finds([{ verdict: 'pass' }], { SECKILL_TICKET_KEYS_FILE: keys });
  const signed = { verdict: 'fail', says: expect.stringContaining("signed with this machine's key") };
  await finds(
    edges.map(() => signed),
    { SECKILL_TICKET_KEYS: `k1:${'x'.repeat(32)}` },
  );
  // Signed in with another secret than the gateways': said, and the rest of the way is looked at all the same.
  const strange = { SECKILL_SESSION_SECRET: 'x'.repeat(32) };
  const told = { verdict: 'warn', says: expect.stringContaining('another SECKILL_SESSION_SECRET') };
  await finds(
    edges.map(() => told),
    { ...strange, SECKILL_TICKET_KEYS_FILE: keys },
  );
  await finds(
    edges.map(() => signed),
    { ...strange, SECKILL_TICKET_KEYS: `k1:${'x'.repeat(32)}` },
  );
});
