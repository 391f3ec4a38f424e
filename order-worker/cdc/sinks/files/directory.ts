import { constants } from 'node:fs';
import { access, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError } from '#runtime/config.ts';

/** Beside the tables, on the same file system: what is not whole yet. No reader's `*.ndjson.zst` leads there. */
export const draftsOf = (dir: string): string => join(dir, '.drafts');

const codeOf = (error: unknown): string => String(Reflect.get(Object(error), 'code') ?? '');
const isCode = (error: unknown, ...codes: string[]): boolean => codes.includes(codeOf(error));

/** Throws ConfigError where this process could not write, and says what to do. Changes nothing. */
export async function checkDirectory(dir: string): Promise<void> {
  const found = await stat(dir).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return null;
    throw refused(dir, error);
  });
  if (found !== null && !found.isDirectory())
    throw new ConfigError([`SECKILL_CDC_DIR, ${dir}, is no directory: name one, or move the file away`]);
  const place = found === null ? dirname(dir) : dir;
  try {
    await access(place, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if (isCode(error, 'ENOENT'))
      throw new ConfigError([`SECKILL_CDC_DIR, ${dir}: there is no ${place}: make it, or name another directory`]);
    throw refused(place, error);
  }
}

function refused(place: string, error: unknown): Error {
  const who = `uid ${process.getuid?.()}, gid ${process.getgid?.()}`;
  if (isCode(error, 'EROFS'))
    return new ConfigError([
      `SECKILL_CDC_DIR: ${place} is on a read-only file system: mount it to be written, or name another`,
    ]);
  if (isCode(error, 'EACCES', 'EPERM'))
    return new ConfigError([`SECKILL_CDC_DIR: ${place} may not be read and written by ${who}: give it to this user`]);
  if (isCode(error, 'ENOTDIR'))
    return new ConfigError([`SECKILL_CDC_DIR: a part of ${place} is no directory: name another`]);
  return new Error(`${place} cannot be used: ${codeOf(error)}`);
}

/** Makes what is missing, and removes what a process that ended in the middle of a write left. */
export async function prepareDirectory(dir: string): Promise<void> {
  await makeDirectory(dir);
  await makeDirectory(draftsOf(dir));
  await Promise.all((await readdir(draftsOf(dir))).map((name) => rm(join(draftsOf(dir), name), { force: true })));
}

/** For the owner, and for reading by the owner's group: what shoppers bought is not for every user of the machine. */
const directoryMode = 0o750;
export const fileMode = 0o640;

/** Whose names are on disk: one that a process made, and ended before it was, may not be. */
const lasting = new Set<string>();

/** With the directory that it is in: after a power cut it is there. */
export async function makeDirectory(path: string): Promise<void> {
  const isNew = await mkdir(path, { mode: directoryMode }).then(
    () => true,
    (error: unknown) => {
      if (isCode(error, 'EEXIST')) return false;
      throw error;
    },
  );
  if (!isNew && lasting.has(path)) return;
  await syncDirectory(dirname(path));
  lasting.add(path);
}

/** Names that were given or taken away in it outlive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

/** What went wrong while something was written, in one line that says what to do. */
export function writeProblem(dir: string, error: unknown): Error {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new Error(`no room in ${dir} (${code}): make room, nothing is lost meanwhile`);
  if (code === 'EROFS') return new Error(`${dir} became read-only: mount it to be written, nothing is lost meanwhile`);
  if (code === 'ENOENT') return new Error(`${dir}, or a part of it, is gone: bring it back`);
  return error instanceof Error
    ? new Error(`${dir}: ${error.message}`, { cause: error })
    : new Error(`${dir}: ${String(error)}`);
}
