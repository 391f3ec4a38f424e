import { mkdirSync, writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';

/** What `.ci/run` counts and names in its last lines: a log that was cut to its end still says what failed. */
export type TestReport = { passed: number; failed: string[]; secondTry: string[] };

/** Writes `.run/reports/tests.json` at the end of a vitest run. */
export default class CiReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const report: TestReport = {
      passed: 0,
      failed: unhandled.map((error) => `outside of tests: ${error.message}`),
      secondTry: [],
    };
    for (const module of modules) {
      const file = module.relativeModuleId;
      // A file that could not be read, or a hook of a whole file that failed, has no test of its own that did.
      for (const suite of [module, ...module.children.allSuites()]) {
        for (const error of suite.errors()) report.failed.push(`${file}: ${inALine(error.message)}`);
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === 'passed') report.passed += 1;
        if (state === 'failed') report.failed.push(`${nameOf(file, test)}: ${inALine(errors[0]?.message ?? '')}`);
        if (test.diagnostic()?.flaky === true)
          report.secondTry.push(`${nameOf(file, test)}: ${inALine(errors?.[0]?.message ?? '')}`);
      }
    }
    mkdirSync('.run/reports', { recursive: true });
    writeFileSync('.run/reports/tests.json', `${JSON.stringify(report, null, 2)}\n`);
  }
}

const nameOf = (file: string, test: TestCase) => `${file} > ${test.fullName}`;
/** Its beginning, in a line: what was waited for stands below "timed out". */
const inALine = (text: string) => text.replace(/\s*\n\s*/g, ' | ').slice(0, 300);
