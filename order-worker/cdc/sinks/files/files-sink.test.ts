import { execFileSync } from 'node:child_process';
import { appendFile, chmod, mkdir, readdir, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { CdcEnvelope } from '#contract/cdc.ts';
import { readChangeFiles, tablesOf } from '#lab/kits/cdc-reader.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { ConfigError } from '#runtime/config.ts';
import { createLogger } from '#runtime/logger.ts';
import { type CdcChange, SinkChanged, type SinkPosition } from '../../port/sink.ts';
import { createFilesSink } from './files-sink.ts';
import { openManifest } from './manifest.ts';
import { mergeHours } from './merge-hours.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const at = Date.UTC(2026, 11, 1, 7, 30);

function ownDirectory(): string {
  const dir = temporaryDirectory('cdc-files');
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

const openSink = async (dir: string) => {
  const sink = createFilesSink({ dir, logger, now: () => at });
  await sink.open();
  onTestFinished(sink.close);
  return sink;
};

const change = (lsn: number, committedMs = at): CdcChange => {
  const envelope: CdcEnvelope = {
    before: null,
    after: { id: `s-${lsn}`, version: 1 },
    op: 'c',
    ts_ms: at,
    source: {
      ...{ connector: 'seckill', name: 'seckill', db: 'd', schema: 'public', table: 'orders' },
      ...{ ts_ms: committedMs, snapshot: 'false', txId: 1, lsn, seq: 1, generation: 1 },
    },
  };
  return { table: 'orders', orderId: `s-${lsn}`, envelope };
};

const position = (lsn: string): SinkPosition => ({
  ...{ generation: 1, snapshot: 'done', lsn, system: '1', timeline: 1, request: null },
});

/** As if all files of the folder had been written at that time. */
async function ageFiles(folder: string, ms: number): Promise<void> {
  for (const name of await readdir(folder)) await utimes(join(folder, name), ms / 1000, ms / 1000);
}

const rowsIn = async (dir: string) => [...tablesOf(await readChangeFiles(dir)).rows.keys()].sort();
const manifestOf = async (dir: string) =>
  (await readFile(join(dir, 'manifest.ndjson'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('changes are in a file of their table and of the hour of their commit; the manifest lists it, then the position', async () => {
  const dir = ownDirectory();
  const sink = await openSink(dir);
  await sink.write([change(1), change(2), change(3, at + 3_600_000)], position('0/3'));
  expect((await readdir(join(dir, 'orders'))).sort()).toEqual(['2026-12-01T07', '2026-12-01T08']);
  expect(await rowsIn(dir)).toEqual(['orders s-1', 'orders s-2', 'orders s-3']);
  expect(await manifestOf(dir)).toMatchObject([
    { manifest: 'seckill-cdc', version: 1 },
    { rows: 2, from: { lsn: 1, seq: 1 }, to: { lsn: 2, seq: 1 }, generation: 1 },
    { rows: 1, from: { lsn: 3, seq: 1 } },
    { position: { lsn: '0/3' } },
  ]);
  await sink.close();
  expect(await (await openSink(dir)).position()).toEqual(position('0/3'));
});

test('a line that a power cut has torn is cut off, and what a killed process left half is removed', async () => {
  const dir = ownDirectory();
  const first = await openSink(dir);
  await first.write([change(1)], position('0/1'));
  await first.close();
  await appendFile(join(dir, 'manifest.ndjson'), '{"position":{"generation":1,"snaps');
  await writeFile(join(dir, '.drafts', 'x.draft'), 'half');
  const second = await openSink(dir);
  expect(await second.position()).toEqual(position('0/1'));
  expect(await readdir(join(dir, '.drafts'))).toEqual([]);
  await second.write([change(2)], position('0/2'));
  expect((await manifestOf(dir)).length).toBe(5);
});

test('zeros at the end, as a file system may leave them, are cut off too', async () => {
  const dir = ownDirectory();
  const first = await openSink(dir);
  await first.write([], position('0/1'));
  await first.close();
  await appendFile(join(dir, 'manifest.ndjson'), Buffer.alloc(100));
  expect(await (await openSink(dir)).position()).toEqual(position('0/1'));
});

test('the latest position counts, in any order of writing', async () => {
  const dir = ownDirectory();
  const [one, other] = [await openSink(dir), await openSink(dir)];
  await one.write([change(5)], position('0/5'));
  await other.write([change(3)], position('0/3')); // it woke up late
  expect(await (await openSink(dir)).position()).toEqual(position('0/5'));
  expect(await rowsIn(dir)).toEqual(['orders s-3', 'orders s-5']);
});

test('the files of an hour that is over become one, and the small ones go some minutes later', async () => {
  const dir = ownDirectory();
  const sink = await openSink(dir);
  for (const lsn of [1, 2, 3]) await sink.write([change(lsn)], position(`0/${lsn}`));
  await sink.close();
  const folder = join(dir, 'orders/2026-12-01T07');
  const age = (ms: number) => ageFiles(folder, ms);
  const merge = async (nowMs: number) => {
    const manifest = await openManifest(dir);
    await mergeHours({ dir, manifest, logger, now: () => nowMs });
    await manifest.close();
  };
  await age(at);
  await merge(at + 60_000); // the hour is not over
  expect((await readdir(folder)).length).toBe(3);
  await merge(at + 3_600_000);
  expect((await readdir(folder)).length).toBe(4);
  expect(await rowsIn(dir)).toEqual(['orders s-1', 'orders s-2', 'orders s-3']);
  await age(at + 3_600_000);
  await merge(at + 3_700_000); // a reader may have listed them
  expect((await readdir(folder)).length).toBe(4);
  await merge(at + 4_000_000);
  expect((await readdir(folder)).length).toBe(1);
  expect(tablesOf(await readChangeFiles(dir))).toMatchObject({ changes: 3, doubles: 0 });
  await merge(at + 9_000_000);
  expect((await readdir(folder)).length).toBe(1);
  expect(await (await openSink(dir)).position()).toEqual(position('0/3'));
  // Names of files that are gone are kept by no one, or they would fill the memory in some weeks.
  const kept = await openManifest(dir);
  expect([...kept.state.segments.values()].map(({ rows, replaces }) => ({ rows, replaces }))).toEqual([{ rows: 3 }]);
  await kept.close();
  // The one file of an hour is deleted as well.
  await rm(folder, { recursive: true });
  await merge(at + 9_000_000);
  const empty = await openManifest(dir);
  expect(empty.state.segments.size).toBe(0);
  await empty.close();
});

test('a file that cannot be read leaves no draft behind, and holds up its own hour alone', async () => {
  const dir = ownDirectory();
  const sink = await openSink(dir);
  for (const lsn of [1, 2]) await sink.write([change(lsn), change(lsn + 2, at + 3_600_000)], position(`0/${lsn}`));
  await sink.close();
  const [damaged, whole] = ['07', '08'].map((hour) => join(dir, `orders/2026-12-01T${hour}`)) as [string, string];
  const [, second = ''] = (await readdir(damaged)).sort();
  await truncate(join(damaged, second), 30);
  for (const folder of [damaged, whole]) await ageFiles(folder, at);
  const manifest = await openManifest(dir);
  for (const _ of [1, 2]) await mergeHours({ dir, manifest, logger, now: () => at + 9_000_000 });
  await manifest.close();
  expect(await readdir(join(dir, '.drafts'))).toEqual([]);
  expect((await readdir(damaged)).length).toBe(2);
  expect((await readdir(whole)).length).toBe(3);
});

test('where the manifest is another file than the one that was opened, nothing is taken; opened anew, it goes on', async () => {
  const dir = ownDirectory();
  const sink = await openSink(dir);
  await sink.write([change(1)], position('0/1'));
  const path = join(dir, 'manifest.ndjson');
  await writeFile(`${path}.new`, await readFile(path));
  await rename(`${path}.new`, path); // as another process writes it anew
  await expect(sink.write([change(2)], position('0/2'))).rejects.toThrow(SinkChanged);
  await sink.close();
  const again = await openSink(dir);
  expect(await again.position()).toEqual(position('0/1'));
  await again.write([change(2)], position('0/2'));
  expect(await rowsIn(dir)).toEqual(['orders s-1', 'orders s-2']);
});

test('a directory that is moved away while its hours are put together forgets none of its files', async () => {
  const dir = join(ownDirectory(), 'cdc');
  const sink = await openSink(dir);
  for (const lsn of [1, 2]) await sink.write([change(lsn)], position(`0/${lsn}`));
  await sink.close();
  const manifest = await openManifest(dir);
  await rename(dir, `${dir}.away`);
  await mergeHours({ dir, manifest, logger, now: () => at + 9_000_000 });
  await rename(`${dir}.away`, dir);
  await manifest.close();
  const after = await openManifest(dir);
  expect(after.state.segments.size).toBe(2);
  await after.close();
});

test('a manifest that another process has written to is not written anew', async () => {
  const dir = ownDirectory();
  const sink = await openSink(dir);
  await sink.write([change(1)], position('0/1'));
  const manifest = await openManifest(dir);
  // Enough lines that tell of nothing any more.
  await manifest.append(Array.from({ length: 20_001 }, () => ({ position: position('0/1'), at: 'now' })));
  await sink.write([change(2)], position('0/2'));
  await manifest.tidy();
  await manifest.close();
  expect((await manifestOf(dir)).length).toBeGreaterThan(20_000);
  await sink.close();
  const alone = await openManifest(dir);
  await alone.tidy();
  await alone.append([{ position: position('0/3'), at: 'now' }]);
  await alone.close();
  expect(await manifestOf(dir)).toHaveLength(5);
  expect(await rowsIn(dir)).toEqual(['orders s-1', 'orders s-2']);
});

test('what the data team has deleted is listed no longer, and holds up no other hour', async () => {
  const dir = ownDirectory();
  const sink = await openSink(dir);
  for (const lsn of [1, 2]) await sink.write([change(lsn), change(lsn + 2, at + 3_600_000)], position(`0/${lsn}`));
  await sink.close();
  await rm(join(dir, 'orders/2026-12-01T07'), { recursive: true });
  const later = join(dir, 'orders/2026-12-01T08');
  await ageFiles(later, at);
  const manifest = await openManifest(dir);
  await mergeHours({ dir, manifest, logger, now: () => at + 9_000_000 });
  await manifest.close();
  expect((await readdir(later)).length).toBe(3);
  expect([...manifest.state.segments.keys()].filter((file) => file.includes('T07'))).toEqual([]);
});

test.each([
  ['a file', async (dir: string) => writeFile(dir, ''), /is no directory/],
  ['a directory in one that is not there', null, /there is no .*nowhere: make it/],
  [
    'a manifest of another program',
    async (dir: string) => {
      await mkdir(dir);
      await writeFile(join(dir, 'manifest.ndjson'), '{"a":1}\n');
    },
    /not this program's: move the file away/,
  ],
])('%s is refused with what to do, and nothing is changed', async (_what, make, words) => {
  const home = ownDirectory();
  const dir = make === null ? join(home, 'nowhere', 'cdc') : join(home, 'cdc');
  await make?.(dir);
  const sink = createFilesSink({ dir, logger, now: Date.now });
  await expect(sink.check()).rejects.toThrow(ConfigError);
  await expect(sink.check()).rejects.toThrow(words);
  await expect(sink.open()).rejects.toThrow(words);
});

test('a damaged line in the middle of the manifest is refused, not passed over', async () => {
  const dir = ownDirectory();
  const sink = await openSink(dir);
  await sink.write([change(1)], position('0/1'));
  await sink.close();
  const path = join(dir, 'manifest.ndjson');
  const lines = (await readFile(path, 'utf8')).split('\n');
  await writeFile(path, [lines[0], '{"file":', ...lines.slice(2)].join('\n'));
  await expect(createFilesSink({ dir, logger, now: Date.now }).check()).rejects.toThrow(/line 2 is not this program's/);
});

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)('a full disk costs nothing: the same changes are taken when there is room', async () => {
  const dir = ownDirectory();
  const mount = join(dir, 'small');
  await mkdir(mount);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount]);
  } catch {
    return; // nothing can be mounted on this machine
  }
  onTestFinished(() => void execFileSync('umount', ['-l', mount]));
  const sink = await openSink(mount);
  await sink.write([change(1)], position('0/1'));
  await writeFile(join(mount, 'other'), Buffer.alloc(1_000_000)).catch(() => undefined);
  await expect(sink.write([change(2)], position('0/2'))).rejects.toThrow(/^no room in .* \(ENOSPC\): make room/);
  expect(await sink.position()).toEqual(position('0/1'));
  await rm(join(mount, 'other'));
  await sink.write([change(2)], position('0/2'));
  expect(await rowsIn(mount)).toEqual(['orders s-1', 'orders s-2']);
  expect((await manifestOf(mount)).length).toBe(5);
  await sink.close();
  execFileSync('mount', ['-o', 'remount,ro', mount]);
  await expect(createFilesSink({ dir: mount, logger, now: Date.now }).check()).rejects.toThrow(
    /on a read-only file system/,
  );
});

test('a directory that its user may not write is refused, and names the user', async () => {
  const dir = ownDirectory();
  await chmod(dir, 0o700);
  // Root may write anywhere: the process becomes another user before it asks.
  const become = isRoot ? 'process.setgid(65534); process.setuid(65534);' : '';
  const line = `import { checkDirectory } from ${JSON.stringify(join(import.meta.dirname, 'directory.ts'))};
    ${become}
    await checkDirectory(${JSON.stringify(dir)}).catch((error) => console.log(error.message));`;
  if (!isRoot) await chmod(dir, 0o500);
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', line], { encoding: 'utf8' });
  expect(said).toMatch(/may not be read and written by uid \d+, gid \d+: give it to this user/);
});
