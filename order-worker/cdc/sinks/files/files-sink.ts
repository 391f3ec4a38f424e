import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '#runtime/config.ts';
import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { type CdcSink, SinkChanged } from '../../port/sink.ts';
import { checkDirectory, prepareDirectory, writeProblem } from './directory.ts';
import { checkManifest, hasManifest, type Manifest, manifestName, openManifest } from './manifest.ts';
import { mergeHours } from './merge-hours.ts';
import { groupChanges, type Segment, writeSegment } from './segment.ts';

const gatherMs = 500;
const tidyEveryMs = 60_000;

/**
 * Files for a data team without Kafka: `<table>/<hour of the commit, UTC>/….ndjson.zst`, one envelope a line, and `manifest.ndjson`
 * with a line a file and the position. A file that is there is whole. Several processes at one directory write doubles at worst:
 * no file of one has the name of another's, and one that finds the manifest to be another file reads it anew.
 */
export function createFilesSink(options: { dir: string; logger: Logger; now: () => number }): CdcSink {
  const { dir, logger, now } = options;
  let manifest: Manifest | null = null;
  let tidying: Loop | null = null;

  async function begin(): Promise<Manifest> {
    try {
      await prepareDirectory(dir);
      const opened = await openManifest(dir);
      manifest = opened;
      tidying = startLoop({
        name: 'tidying the files',
        everyMs: tidyEveryMs,
        logger,
        pass: async () => {
          await mergeHours({ dir, manifest: opened, logger, now });
          await opened.tidy();
          return 'idle';
        },
      });
      return opened;
    } catch (error) {
      throw error instanceof ConfigError ? error : writeProblem(dir, error);
    }
  }

  return {
    name: `files in ${dir}`,
    gatherMs,
    check: async () => {
      await checkDirectory(dir);
      await checkManifest(dir);
    },
    open: async () => {
      await checkDirectory(dir);
      // An empty directory stays as it is until something is written: it may be the place of a disk that is not mounted.
      if (await hasManifest(dir)) await begin();
    },
    position: async () => manifest?.state.position ?? null,
    write: async (changes, position) => {
      const written: Segment[] = [];
      try {
        const listed = manifest ?? (await begin());
        // Moved away or unmounted in between, its place would be written to, and its manifest be another.
        await stat(join(dir, manifestName));
        const groups = [...groupChanges(changes)];
        const outcomes = await Promise.allSettled(
          groups.map(async ([folder, group]) => written.push(await writeSegment(dir, folder, group))),
        );
        for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
        await listed.append([
          ...written.sort((a, b) => (a.file < b.file ? -1 : 1)),
          ...(position === null ? [] : [{ position, at: new Date(now()).toISOString() }]),
        ]);
        return { setAside: [] };
      } catch (error) {
        // They are written again: what is not listed is a double.
        await Promise.all(written.map(({ file }) => rm(join(dir, file), { force: true }).catch(() => undefined)));
        throw error instanceof ConfigError || error instanceof SinkChanged ? error : writeProblem(dir, error);
      }
    },
    close: async () => {
      await tidying?.close();
      await manifest?.close();
      manifest = null;
      tidying = null;
    },
  };
}
