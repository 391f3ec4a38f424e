import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { readTimings } from './timings.ts';

/**
 * Long files first, so that no worker is left with one while the other has nothing to do. A file without a time is long.
 * The files of the lane `alone` wait for each other: they are spread so that one worker has them one after the other,
 * and the other worker has something else meanwhile.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const timings = readTimings();
    const order = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    const timed = files.map((file) => ({
      file,
      seconds: timings[relative(process.cwd(), file.moduleId)] ?? unknownSeconds,
      isAlone: file.project.name === 'alone',
    }));
    return [...new Set(files.map(order))]
      .sort((one, other) => one - other)
      .flatMap((group) => spread(timed.filter(({ file }) => order(file) === group).sort(byLength)))
      .map(({ file }) => file);
  }
}

export type Timed<File = TestSpecification> = { file: File; seconds: number; isAlone: boolean };
const unknownSeconds = 60;

const byLength = (one: Timed, other: Timed) =>
  other.seconds - one.seconds || one.file.moduleId.localeCompare(other.file.moduleId);

/** In the order in which two workers would begin them, if one had the files that wait for each other. */
export function spread<File>(files: readonly Timed<File>[]): Timed<File>[] {
  const queues = [files.filter(({ isAlone }) => isAlone), files.filter(({ isAlone }) => !isAlone)];
  return queues
    .flatMap((queue) => {
      let at = 0;
      return queue.map((each) => {
        const begins = at;
        at += each.seconds;
        return { each, begins };
      });
    })
    .sort((one, other) => one.begins - other.begins)
    .map(({ each }) => each);
}
