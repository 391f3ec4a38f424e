import { type FileHandle, open, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '#runtime/config.ts';
import { laterPosition } from '../../port/position.ts';
import { SinkChanged, type SinkPosition, sinkPositionSchema } from '../../port/sink.ts';
import { type Segment, writeWhole } from './segment.ts';

export const manifestName = 'manifest.ndjson';
const version = 1;
/** Lines that tell of nothing any more, before it is written anew. */
const maxStale = 20_000;

const place = z.object({ lsn: z.number().int(), seq: z.number().int() });
const segmentSchema = z.object({
  file: z.string(),
  rows: z.number().int(),
  bytes: z.number().int(),
  generation: z.number().int(),
  from: place,
  to: place,
  /** Files whose changes are all in this one: they are removed some minutes later. */
  replaces: z.array(z.string()).optional(),
});
const lineSchema = z.union([
  z.object({ manifest: z.literal('seckill-cdc'), version: z.literal(version) }),
  segmentSchema,
  z.object({ position: sinkPositionSchema, at: z.string() }),
  z.object({ removed: z.array(z.string()) }),
]);
export type ManifestLine = z.output<typeof lineSchema>;
export type ListedSegment = Segment & { replaces?: string[] | undefined };

const header: ManifestLine = { manifest: 'seckill-cdc', version };

/** What the manifest says at the moment. */
export type ManifestState = {
  segments: Map<string, ListedSegment>;
  position: SinkPosition | null;
};

function take(state: ManifestState, line: ManifestLine): void {
  if ('position' in line) state.position = laterPosition(state.position, line.position);
  else if ('removed' in line) for (const file of line.removed) state.segments.delete(file);
  else if ('file' in line) state.segments.set(line.file, line);
}

/** Throws ConfigError where another program wrote the file; a last line that a power cut has torn is left out, and `end` is before it. */
async function read(path: string): Promise<{ state: ManifestState; end: number; lines: number; size: number } | null> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (bytes === null) return null;
  const state: ManifestState = { segments: new Map(), position: null };
  let [end, lines] = [0, 0];
  for (let from = 0; from < bytes.length; ) {
    const to = bytes.indexOf(10, from);
    const line = to === -1 ? null : lineOf(bytes.subarray(from, to).toString());
    if (line === null) {
      // Whole lines follow: this is no torn end.
      const isTorn =
        to === -1 ||
        !bytes
          .subarray(to + 1)
          .toString()
          .split('\n')
          .some((text) => lineOf(text) !== null);
      if (lines === 0 || !isTorn)
        throw new ConfigError([
          `${path}: line ${lines + 1} is not this program's: move the file away, or name another directory`,
        ]);
      break;
    }
    if (lines === 0 && !('manifest' in line))
      throw new ConfigError([`${path} does not begin as ours: move it away, or name another directory`]);
    take(state, line);
    lines += 1;
    end = to + 1;
    from = end;
  }
  return { state, end, lines, size: bytes.length };
}

function lineOf(text: string): ManifestLine | null {
  try {
    const line = lineSchema.safeParse(JSON.parse(text));
    return line.success ? line.data : null;
  } catch {
    return null;
  }
}

const bytesOf = (lines: readonly ManifestLine[]) =>
  Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

export const hasManifest = (dir: string): Promise<boolean> =>
  stat(join(dir, manifestName)).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );

/** Throws ConfigError where another program wrote it. */
export async function checkManifest(dir: string): Promise<void> {
  await read(join(dir, manifestName));
}

/**
 * The list of files, and how far they go: one line a fact, only ever added to, and now and then written anew, by a process that alone has
 * written it. `append` resolves when its lines are on disk, in the file of that name; it rejects with SinkChanged where that is another
 * file than the one that was opened. Calls may be made side by side.
 */
export async function openManifest(dir: string) {
  const path = join(dir, manifestName);
  const found = await read(path);
  const state = found?.state ?? { segments: new Map<string, ListedSegment>(), position: null };
  let lines = found?.lines ?? 0;
  if (found !== null && found.end < found.size) await truncate(path, found.end);
  if (found === null) await writeAnew();
  let handle: FileHandle = await open(path, 'a');
  /** How long it is by what this process has read and written: longer, and another process writes, too. */
  let length = (await handle.stat()).size;
  let turn: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work, work);
    turn = mine.catch(() => undefined);
    return mine;
  }

  /** How long it is. Moved away, unmounted, or written anew by another process: what goes there would be read by no one. */
  async function refuseOther(): Promise<number> {
    const [ours, there] = await Promise.all([handle.stat(), stat(path)]);
    if (ours.ino !== there.ino || ours.dev !== there.dev)
      throw new SinkChanged(`${path} is another file than the one that was opened: it is read anew`);
    return ours.size;
  }

  async function writeAnew(): Promise<void> {
    const kept: ManifestLine[] = [header, ...state.segments.values()];
    if (state.position !== null) kept.push({ position: state.position, at: new Date().toISOString() });
    await writeWhole(dir, manifestName, [bytesOf(kept)]);
    lines = kept.length;
  }

  return {
    state: state as Readonly<ManifestState>,
    append: (added: readonly ManifestLine[]) =>
      inTurn(async () => {
        if (added.length === 0) return;
        const before = await refuseOther();
        const bytes = bytesOf(added);
        try {
          await handle.appendFile(bytes);
          await handle.datasync();
        } catch (error) {
          await handle.truncate(before).catch(() => undefined); // half a line, where the disk is full
          throw error;
        }
        await refuseOther();
        length += bytes.length;
        for (const line of added) take(state, line);
        lines += added.length;
      }),
    /** Where most of its lines tell of nothing any more. */
    tidy: () =>
      inTurn(async () => {
        if (lines - state.segments.size < maxStale || (await refuseOther()) !== length) return;
        await writeAnew();
        const old = handle;
        handle = await open(path, 'a');
        length = (await handle.stat()).size;
        await old.close();
      }),
    close: () => inTurn(() => handle.close()),
  };
}
export type Manifest = Awaited<ReturnType<typeof openManifest>>;
