import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from '#runtime/logger.ts';
import type { ListedSegment, Manifest } from './manifest.ts';
import { hourOf, segmentName, writeWhole } from './segment.ts';

/** After an hour's end, and after the last file of it came: changes that are late are few. */
const restMs = 5 * 60_000;
/** A reader that has listed the small files finds them for so long. */
const graceMs = 5 * 60_000;

/**
 * Makes one file of the many of each hour that is over: zstd's frames may stand one after the other, so their bytes are put together as
 * they are. The small ones are removed some minutes later. Killed in between, a reader finds both: the same changes twice.
 */
export async function mergeHours(options: {
  dir: string;
  manifest: Manifest;
  logger: Logger;
  now: () => number;
}): Promise<void> {
  const { dir, manifest, logger, now } = options;
  const segments = [...manifest.state.segments.values()];
  const replaced = new Set(segments.flatMap(({ replaces = [] }) => replaces));
  await removeReplaced(segments);
  const present = segments.filter(({ file }) => !replaced.has(file));
  const folders = Map.groupBy(present, ({ file, generation }) => `${dirname(file)} ${generation}`);
  for (const files of folders.values()) {
    if (files.length < 2 || !(await isOver(files))) continue;
    await mergeFiles(files.sort((a, b) => (a.file < b.file ? -1 : 1)));
  }

  async function isOver(files: readonly ListedSegment[]): Promise<boolean> {
    const folder = dirname(files[0]?.file ?? '');
    if (folder.split('/')[1] === hourOf(now() - restMs) || folder.split('/')[1] === hourOf(now())) return false;
    const ages = await Promise.all(files.map(async ({ file }) => (await stat(join(dir, file))).mtimeMs));
    return Math.max(...ages) < now() - restMs;
  }

  async function mergeFiles(files: readonly ListedSegment[]): Promise<void> {
    const [first, last] = [files[0], files.at(-1)];
    if (first === undefined || last === undefined) return;
    const file = `${dirname(first.file)}/${segmentName(first.from)}`;
    await writeWhole(dir, file, bytesOf(files.map((each) => join(dir, each.file))));
    const sum = (of: (each: ListedSegment) => number) => files.reduce((total, each) => total + of(each), 0);
    await manifest.append([
      {
        file,
        rows: sum(({ rows }) => rows),
        bytes: sum(({ bytes }) => bytes),
        generation: first.generation,
        from: first.from,
        to: last.to,
        replaces: files.map((each) => each.file),
      },
    ]);
    logger.debug({ file, of: files.length }, 'the files of an hour were put together');
  }

  async function removeReplaced(listed: readonly ListedSegment[]): Promise<void> {
    const removed: string[] = [];
    for (const { file, replaces = [] } of listed) {
      if (replaces.length === 0) continue;
      const made = await stat(join(dir, file)).catch(() => null); // the data team may have taken it away
      if (made !== null && made.mtimeMs > now() - graceMs) continue;
      const there = replaces.filter((each) => manifest.state.segments.has(each));
      await Promise.all(there.map((each) => rm(join(dir, each), { force: true })));
      removed.push(...there);
    }
    if (removed.length > 0) await manifest.append([{ removed }]);
  }
}

async function* bytesOf(paths: readonly string[]): AsyncGenerator<Buffer> {
  for (const path of paths) yield* createReadStream(path) as AsyncIterable<Buffer>;
}
