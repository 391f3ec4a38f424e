import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';

/** Why a file that a setting or an argument names cannot be used, as the end of a sentence that begins with its path. */
export class FileProblem extends Error {}

/** A pipe that replaces the file between the two looks is opened without waiting for its writer. */
const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

const pieceBytes = 16_384;

/** What is no regular file has no end, or none that comes by itself: it is refused before it is opened. */
function refuseOther(stats: Stats, maxBytes: number): void {
  const kind = kindOf(stats);
  if (kind !== null) throw new FileProblem(`is a ${kind}: name a regular file`);
  if (stats.size > maxBytes) {
    const megabytes = Math.ceil(stats.size / 1e5) / 10; // up: never the limit itself
    throw new FileProblem(`is ${megabytes.toFixed(1)} MB: at most ${maxBytes / 1e6} MB`);
  }
}

function kindOf(stats: Stats): string | null {
  if (stats.isFile()) return null;
  if (stats.isDirectory()) return 'directory';
  if (stats.isFIFO()) return 'pipe';
  return stats.isSocket() ? 'socket' : 'device';
}

/**
 * The bytes of a file that a person or a setting names, at most `maxBytes` of them. Throws {@link FileProblem}, or the
 * error of the file system.
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  refuseOther(await stat(path), maxBytes);
  await using file = await open(path, flags);
  refuseOther(await file.stat(), maxBytes);
  const read = collect(maxBytes);
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(pieceBytes));
    if (bytesRead === 0) return read.all();
    read.add(buffer.subarray(0, bytesRead));
  }
}

/** {@link readRegularFile} for what a process reads once, at its start. */
export function readRegularFileSync(path: string, maxBytes: number): Buffer {
  refuseOther(statSync(path), maxBytes);
  const file = openSync(path, flags);
  try {
    refuseOther(fstatSync(file), maxBytes);
    const read = collect(maxBytes);
    for (;;) {
      const piece = Buffer.alloc(pieceBytes);
      const bytesRead = readSync(file, piece);
      if (bytesRead === 0) return read.all();
      read.add(piece.subarray(0, bytesRead));
    }
  } finally {
    closeSync(file);
  }
}

/** Many a file says 0 of its size, those of /proc for example: what counts is what comes. */
function collect(maxBytes: number) {
  const pieces: Buffer[] = [];
  let length = 0;
  return {
    add(piece: Buffer): void {
      length += piece.length;
      if (length > maxBytes) throw new FileProblem(`is larger than ${maxBytes / 1e6} MB`);
      pieces.push(piece);
    },
    all: () => Buffer.concat(pieces),
  };
}

/**
 * For a path that something is written to: a regular file, or nothing yet. A pipe would be waited for, and what changes
 * the rights of its file would change a device's. Throws {@link FileProblem}, or the error of the file system.
 */
export async function refuseOtherTarget(path: string): Promise<void> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (stats !== null) refuseOther(stats, Number.POSITIVE_INFINITY);
}
