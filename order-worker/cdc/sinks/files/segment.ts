import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import type { CdcChange } from '../../port/sink.ts';
import { draftsOf, fileMode, makeDirectory, syncDirectory } from './directory.ts';

const compress = promisify(zstdCompress);

/** Which change of the WAL: its transaction's commit, and its number in there. */
type Place = { lsn: number; seq: number };

/** A file with changes of one table whose transactions were committed in one hour. `file` is its path below the directory. */
export type Segment = { file: string; rows: number; bytes: number; generation: number; from: Place; to: Place };

const hourMs = 3_600_000;

/** `2026-12-01T07`, in UTC. */
export const hourOf = (ms: number): string => new Date(ms).toISOString().slice(0, 13);

/** Names sort as what they hold; no two are the same. */
export const segmentName = ({ lsn, seq }: Place): string =>
  `${lsn.toString(16).padStart(16, '0')}-${String(seq).padStart(6, '0')}-${randomBytes(4).toString('hex')}.ndjson.zst`;

/** The changes by the file that they go to: one a table and hour. */
export function groupChanges(changes: readonly CdcChange[]): Map<string, CdcChange[]> {
  const texts = new Map<number, string>(); // a date a change would be a tenth of all that the process does
  return Map.groupBy(changes, ({ table, envelope }) => {
    const hour = Math.floor(envelope.source.ts_ms / hourMs);
    const text = texts.get(hour) ?? hourOf(envelope.source.ts_ms);
    texts.set(hour, text);
    return `${table}/${text}`;
  });
}

/** Writes one file, whole: it has its name when it is on disk. */
export async function writeSegment(dir: string, folder: string, changes: readonly CdcChange[]): Promise<Segment> {
  const [first, last] = [changes[0]?.envelope.source, changes.at(-1)?.envelope.source];
  if (first === undefined || last === undefined) throw new Error('a segment has changes');
  const text = changes.map(({ envelope }) => `${JSON.stringify(envelope)}\n`).join('');
  const bytes = await compress(text);
  const file = `${folder}/${segmentName(first)}`;
  await makeDirectory(join(dir, dirname(folder)));
  await makeDirectory(join(dir, folder));
  await writeWhole(dir, file, [bytes]);
  return {
    file,
    rows: changes.length,
    bytes: bytes.length,
    generation: first.generation,
    from: { lsn: first.lsn, seq: first.seq },
    to: { lsn: last.lsn, seq: last.seq },
  };
}

/** A draft, then a rename: a reader never sees a part. */
export async function writeWhole(
  dir: string,
  file: string,
  parts: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<void> {
  const draft = join(draftsOf(dir), `${randomBytes(8).toString('hex')}.draft`);
  const target = join(dir, file);
  try {
    {
      await using handle = await open(draft, 'wx', fileMode);
      for await (const part of parts) await handle.appendFile(part);
      await handle.sync();
    }
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined); // on a full disk it is what others have no room for
    throw error;
  }
  await syncDirectory(dirname(target));
}
