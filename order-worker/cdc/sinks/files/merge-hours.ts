import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, createZstdDecompress } from 'node:zlib';
import type { Logger } from '#runtime/logger.ts';
import { eachSafely } from '#runtime/loop.ts';
import type { ListedSegment, Manifest, ManifestLine } from './manifest.ts';
import { hourOf, segmentName, writeWhole } from './segment.ts';

/** After an hour's end, and after the last file of it came: changes that are late are few. */
const restMs = 5 * 60_000;
/** A reader that has listed the small files finds them for this time. */
const graceMs = 5 * 60_000;

/**
 * Makes one file of the many of each hour that is over, and one frame: not every reader of zstd goes on after the first. The small ones
 * are removed some minutes later. Killed in between, a reader finds both: the same changes twice.
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
  // A file that cannot be read holds up its own hour alone.
  await eachSafely(folders.values(), mergeFolder, (error, [first]) =>
    logger.warn({ err: error, file: first?.file }, 'the files of an hour were not put together'),
  );

  async function mergeFolder(files: readonly ListedSegment[]): Promise<void> {
    if (isPresent(files)) return;
    const there = await stillThere(files);
    if (there.length < 2 || there.some(({ mtimeMs }) => mtimeMs >= now() - restMs)) return;
    await mergeFiles(there.map(({ segment }) => segment).sort((a, b) => (a.file < b.file ? -1 : 1)));
  }

  function isPresent(files: readonly ListedSegment[]): boolean {
    const hour = dirname(files[0]?.file ?? '').split('/')[1];
    return hour === hourOf(now() - restMs) || hour === hourOf(now());
  }

  /** With their ages; what the data team has taken away is listed no longer. */
  async function stillThere(files: readonly ListedSegment[]) {
    const looked = await Promise.all(
      files.map(async (segment) => ({ segment, made: await stat(join(dir, segment.file)).catch(gone) })),
    );
    const removed = looked.filter(({ made }) => made === null).map(({ segment }) => segment.file);
    if (removed.length > 0) await manifest.append([{ removed }]);
    return looked.flatMap(({ segment, made }) => (made === null ? [] : [{ segment, mtimeMs: made.mtimeMs }]));
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
        bytes: (await stat(join(dir, file))).size,
        generation: first.generation,
        from: first.from,
        to: last.to,
        replaces: files.map((each) => each.file),
      },
    ]);
    logger.debug({ file, of: files.length }, 'the files of an hour were put together');
  }

  async function removeReplaced(listed: readonly ListedSegment[]): Promise<void> {
    const lines: ManifestLine[] = [];
    for (const { replaces = [], ...segment } of listed) {
      if (replaces.length === 0) continue;
      const made = await stat(join(dir, segment.file)).catch(gone); // the data team may have taken it away
      if (made !== null && made.mtimeMs > now() - graceMs) continue;
      const there = replaces.filter((each) => manifest.state.segments.has(each));
      await Promise.all(there.map((each) => rm(join(dir, each), { force: true })));
      // Its own line anew, without the names: they are thousands, and would be kept for ever.
      lines.push({ removed: there }, made === null ? { removed: [segment.file] } : segment);
    }
    await manifest.append(lines);
  }
}

function gone(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

/** What is in all of them, compressed as one. */
function bytesOf(paths: readonly string[]): AsyncIterable<Buffer> {
  const compressed = createZstdCompress();
  // What fails here is what the reading of `compressed` rejects with.
  pipeline(Readable.from(textsOf(paths)), compressed).catch(() => undefined);
  return compressed;
}

/** By parts: one that was put together before may be as large as all of this process. */
async function* textsOf(paths: readonly string[]): AsyncGenerator<Buffer> {
  for (const path of paths) {
    const text = createZstdDecompress();
    const read = pipeline(createReadStream(path), text);
    read.catch(() => undefined); // the reading of `text` rejects with it
    yield* text as AsyncIterable<Buffer>;
    await read;
  }
}
