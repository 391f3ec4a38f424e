import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';
import { lastTimings, readTimings, type Timings } from './timings.ts';

/** What `.ci/run` counts and names in its last lines: a log that was cut to its end still says what failed. */
export type TestReport = { passed: number; failed: string[] };

const shown = 15;
const longestSeconds = 20;
/** Lanes whose subject is a clock, or everything at once. */
const mayBeLong = new Set(['slow', 'chaos']);

type Took = { seconds: number; lane: string; name: string };

/** The slowest tests, a line each; and those that are too slow for their lane. */
export function judge(took: readonly Took[]): { lines: string[]; tooLong: string[] } {
  const sorted = took.toSorted((one, other) => other.seconds - one.seconds);
  return {
    lines: sorted
      .slice(0, shown)
      .map(({ seconds, lane, name }) => `${seconds.toFixed(1).padStart(6)} s  ${lane}  ${name}`),
    tooLong: sorted
      .filter(({ seconds, lane }) => seconds > longestSeconds && !mayBeLong.has(lane))
      .map(
        ({ seconds, lane, name }) =>
          `${name}: took ${seconds.toFixed(1)} s; in the lane ${lane} a test may take ${longestSeconds} s`,
      ),
  };
}

/** Prints the slowest tests, fails the run for one that is too slow for its lane, and writes `.run/reports/`. */
export default class LabReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const report: TestReport = {
      passed: 0,
      failed: unhandled.map((error) => `outside of tests: ${error.message}`),
    };
    const timings: Timings = readTimings();
    const took: Took[] = [];
    for (const module of modules) {
      const file = module.relativeModuleId;
      timings[file] = Math.round(module.diagnostic().duration / 100) / 10;
      // A file that could not be read, or a hook of a whole file that failed, has no test of its own that did.
      for (const suite of [module, ...module.children.allSuites()]) {
        for (const error of suite.errors()) report.failed.push(`${file}: ${inALine(error.message)}`);
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === 'passed') report.passed += 1;
        if (state === 'failed') report.failed.push(`${nameOf(file, test)}: ${inALine(errors[0]?.message ?? '')}`);
        const seconds = (test.diagnostic()?.duration ?? 0) / 1000;
        took.push({ seconds, lane: module.project.name, name: nameOf(file, test) });
      }
    }
    const { lines, tooLong } = judge(took);
    process.stdout.write(`\nThe slowest tests:\n${lines.join('\n')}\n`);
    for (const told of tooLong) process.stdout.write(`failed: ${told}\n`);
    report.failed.push(...tooLong);
    if (tooLong.length > 0) process.exitCode = 1;
    write('.run/reports/tests.json', report);
    write(lastTimings, Object.fromEntries(Object.entries(timings).sort(([one], [other]) => (one < other ? -1 : 1))));
  }
}

function write(file: string, content: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}

const nameOf = (file: string, test: TestCase) => `${file} > ${test.fullName}`;
/** Its beginning, in a line: what was waited for stands below "timed out". */
const inALine = (text: string) => text.replace(/\s*\n\s*/g, ' | ').slice(0, 300);
