import { expect } from 'vitest';
import type { SaleCheck } from '#infra/sale-check/sale-check.ts';
import { poll } from '../poll.ts';
import { stackUnderTest } from '../servers/stack-under-test.ts';
import { newSaleId, preload, seckill, seckillJson, writeSaleFile } from './command-line.ts';

/** What tests of `seckill sale check` begin with, on the stack that all share. */

const { env } = stackUnderTest();
type Steps = { preload?: boolean; publish?: boolean };

/** A draft that is loaded and published, but for the steps that are left out. */
export async function draft(steps: Steps = {}) {
  const saleId = newSaleId('check');
  const file = await writeSaleFile({ saleId, units: 5, limitPerUser: 2 });
  await seckillJson(env, 'sale', 'create', file);
  if (steps.preload !== false) await preload(env, saleId);
  if (steps.publish !== false) await seckillJson(env, 'pages', 'publish', saleId);
  return saleId;
}

/** Null when the command could not even begin: a server did not answer in time. */
async function look(saleId: string, more: Record<string, string> = {}) {
  const { code, stdout } = await seckill({ ...env, ...more }, 'sale', 'check', saleId, '--json');
  if (stdout === '') return null;
  const report = JSON.parse(stdout) as SaleCheck;
  expect(code).toBe(report.ok ? 0 : 1);
  return { ...report, failed: report.checks.filter(({ verdict }) => verdict === 'fail') };
}
/** A report, and what failed in it. */
export type Look = NonNullable<Awaited<ReturnType<typeof look>>>;
/** Looks until it finds that: each question has its deadline, which a busy machine misses now and then. */
export const check = (
  saleId: string,
  what: string,
  isFound: (report: Look) => boolean,
  more: Record<string, string> = {},
) =>
  poll(
    what,
    async () => {
      const report = await look(saleId, more);
      return report !== null && isFound(report) && report;
    },
    120_000,
  );
/** For `check`: these fail, in this order, and nothing else. */
export const failsOnly = (names: readonly string[]) => (report: Look) =>
  report.failed.map((each) => each.check).join() === names.join();
export const ready = (saleId: string, more: Record<string, string> = {}) =>
  check(saleId, 'it to be ready', ({ ok }) => ok, more);
/** Opens it without force, which looks once more. */
export const opened = (saleId: string) =>
  poll('it to be opened', async () => (await seckill(env, 'sale', 'open', saleId)).code === 0, 120_000);
