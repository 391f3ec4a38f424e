import { fileURLToPath } from 'node:url';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { LongestFirst } from './infra/lab/run/longest-first.ts';
import { pathWithServers } from './infra/stack/host/binaries.ts';

// The processes of a stack start in half the CPU time when Node need not compile them again, as under `npx seckill`.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/seckill', import.meta.url));

// Tests start nginx by its name, and an ordinary user of Debian does not have it on the PATH.
process.env.PATH = pathWithServers(process.env.PATH ?? '');

// As the stack gives it to its processes: tests start servers of their own too.
if (process.platform === 'linux') process.env.LC_ALL = 'C.UTF-8';

const servers = 'infra/lab/servers';
const stack = [`${servers}/shared-stack.ts`];
const minuteMs = 60_000;
const isBrowserLeftOut = process.env.SECKILL_CHROMIUM === 'none';

/** Lanes of one `order` run at the same time, in two workers; the next order begins when they are through. */
type Lane = {
  name: string;
  order: number;
  /** A file belongs to a lane by the word before `.test.ts`. */
  word: string;
  globalSetup?: string[];
  /** Run before each file. */
  setupFiles?: string[];
  maxWorkers?: number;
  isolate?: boolean;
  timeoutMs?: number;
};

// docs/testing.md says what belongs where, and how a test of each lane is written.
const lanes: Lane[] = [
  // No servers, and nothing on a module's level that another file could meet: files of one worker share their modules.
  { name: 'unit', order: 0, word: '', isolate: false },
  { name: 'whole', order: 1, word: '.whole', globalSetup: stack },
  { name: 'browser', order: 1, word: '.browser', globalSetup: stack },
  { name: 'parts', order: 2, word: '.int', globalSetup: [`${servers}/shared-servers.ts`] },
  // On the stack of `whole` and `browser`, which it stops, freezes or sets for all: after them, one file at a time. What
  // the other worker has meanwhile, parts, does not know that stack.
  { name: 'alone', order: 2, word: '.alone', globalSetup: stack, setupFiles: ['infra/lab/run/one-at-a-time.ts'] },
  { name: 'slow', order: 3, word: '.slow', globalSetup: stack, timeoutMs: 5 * minuteMs },
  { name: 'chaos', order: 4, word: '.chaos', maxWorkers: 1, timeoutMs: 30 * minuteMs },
];
const words = lanes.map(({ word }) => word).filter((word) => word !== '');

const project = ({ name, order, word, isolate = true, maxWorkers = 2, timeoutMs, ...lane }: Lane) => ({
  test: {
    name,
    environment: 'node' as const,
    include: word === '.browser' && isBrowserLeftOut ? [] : [`**/*${word}.test.ts`],
    exclude: [
      ...['node_modules/**', '.run/**'],
      ...(isBrowserLeftOut ? ['**/*.browser.alone.test.ts'] : []),
      ...(word === '' ? words.map((other) => `**/*${other}.test.ts`) : []),
    ],
    globalSetup: lane.globalSetup ?? [],
    setupFiles: [...(lane.setupFiles ?? []), 'infra/lab/run/clean-up.ts'],
    isolate,
    maxWorkers,
    sequence: { groupOrder: order },
    // A busy machine is slow, not wrong: a poll that succeeds ends at once anyway.
    expect: { poll: { timeout: 30_000 } },
    hookTimeout: 2 * minuteMs,
    testTimeout: timeoutMs ?? 2 * minuteMs,
  },
});

export default defineConfig({
  test: {
    reporters: ['default', 'infra/lab/run/reporter.ts'],
    sequence: { sequencer: LongestFirst },
    projects: lanes.map(project) satisfies TestProjectConfiguration[],
  },
});
