import { defineConfig } from 'vitest/config';

const shared = { environment: 'node' as const, exclude: ['node_modules/**', '.run/**'] };

/** One project a kind of test; the name's ending says which (STYLE: pure, real servers, real browser, breaks things). */
export default defineConfig({
  test: {
    reporters: process.env.CI === 'true' ? ['default', 'json'] : ['default'],
    outputFile: { json: '.run/reports/vitest.json' },
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          testTimeout: 30_000, // a busy machine is slow, not wrong
          include: ['**/*.test.ts'],
          exclude: [...shared.exclude, '**/*.int.test.ts', '**/*.browser.test.ts', '**/*.chaos.test.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'integration',
          include: ['**/*.int.test.ts'],
          globalSetup: ['infra/stack/testing/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // A busy machine is no reason to fail: a poll that succeeds ends at once anyway.
          expect: { poll: { timeout: 5000 } },
          // Two cores: files share one stack and take turns.
          fileParallelism: false,
        },
      },
      {
        test: {
          ...shared,
          name: 'browser',
          include: ['**/*.browser.test.ts'],
          globalSetup: ['infra/stack/testing/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...shared,
          name: 'chaos',
          include: ['**/*.chaos.test.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
