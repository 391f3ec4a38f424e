import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { readTimings } from './timings.ts';

/** Long files first, so that no worker is left with one while the other has nothing to do. A file without a time is long. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const timings = readTimings();
    const seconds = ({ moduleId }: TestSpecification) =>
      timings[relative(process.cwd(), moduleId)] ?? Number.POSITIVE_INFINITY;
    const order = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    return files.toSorted(
      (one, other) =>
        order(one) - order(other) ||
        // Two unknown ones are equal, and Infinity - Infinity is not a number.
        (seconds(one) === seconds(other) ? 0 : seconds(other) - seconds(one)) ||
        one.moduleId.localeCompare(other.moduleId),
    );
  }
}
