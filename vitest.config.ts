import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { pathWithServers } from '#infra/stack/host/binaries.ts';

// The processes of a stack start in half the CPU time when Node need not compile them again, as under `npx seckill`.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/seckill', import.meta.url));

// Tests start nginx by its name, and an ordinary user of Debian does not have it on the PATH.
process.env.PATH = pathWithServers(process.env.PATH ?? '');

// As the stack gives it to its processes: tests start servers of their own too.
if (process.platform === 'linux') process.env.LC_ALL = 'C.UTF-8';

const shared = {
  environment: 'node' as const,
  exclude: ['node_modules/**', '.run/**'],
  // A busy machine is slow, not wrong: a poll that succeeds ends at once anyway.
  expect: { poll: { timeout: 30_000 } },
  hookTimeout: 120_000,
};

/**
 * In CI a test of real servers is given a second try: there two cores stand still for seconds. `.ci/run` names in its last
 * lines each that needed it; whoever reads them has a race to look for.
 */
const ci = { retry: process.env.CI === 'true' ? 1 : 0 };

/** One project a kind of test; the name's ending says which (STYLE: pure, real servers, real browser, breaks things). */
export default defineConfig({
  test: {
    reporters: process.env.CI === 'true' ? ['default', './.ci/reporter.ts'] : ['default'],
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          testTimeout: 60_000,
          include: ['**/*.test.ts'],
          exclude: [...shared.exclude, '**/*.int.test.ts', '**/*.browser.test.ts', '**/*.chaos.test.ts'],
        },
      },
      {
        test: {
          ...shared,
          ...ci,
          name: 'integration',
          include: ['**/*.int.test.ts'],
          globalSetup: ['infra/lab/servers/shared-stack.ts'],
          testTimeout: 120_000,
          // Two cores: files share one stack and take turns.
          fileParallelism: false,
        },
      },
      {
        test: {
          ...shared,
          ...ci,
          name: 'browser',
          // SECKILL_CHROMIUM=none leaves them out on a machine that has no browser.
          include: process.env.SECKILL_CHROMIUM === 'none' ? [] : ['**/*.browser.test.ts'],
          globalSetup: ['infra/lab/servers/shared-stack.ts'],
          testTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...shared,
          name: 'chaos',
          include: ['**/*.chaos.test.ts'],
          testTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
