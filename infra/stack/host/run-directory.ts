import { constants } from 'node:fs';
import { access, chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StackError, withWriteProblem } from './errors.ts';

/** sun_path holds 108 bytes on Linux and 104 on macOS, with its final zero. */
const longestSocketPath = 100;
const longestSocketName = 'service-16.sock';

export const checkoutDir = resolve(import.meta.dirname, '../../..');

/** Every path below the run directory; nothing of a stack lives outside of it. */
export type RunDirectory = {
  root: string;
  state: string;
  pages: string;
  secrets: string;
  config: string;
  edgeConfig: string;
  data: (name: string) => string;
  log: (name: string) => string;
  socket: (name: string) => string;
};

const defaultRoot = join(checkoutDir, '.run');

/** The paths below `dir` (default: `.run` in the checkout). Throws {@link StackError} when a Unix socket in there would have too long a name. */
export function runDirectory(dir: string = defaultRoot): RunDirectory {
  const root = resolve(dir);
  const socket = (name: string) => join(root, 'sockets', `${name}.sock`);
  const length = Buffer.byteLength(join(root, 'sockets', longestSocketName));
  if (length > longestSocketPath) {
    throw new StackError(
      'configuration',
      `the run directory has too long a path for Unix sockets (${length} bytes with a socket's name, at most ${longestSocketPath}): ${root}\nchoose a shorter one with --dir`,
    );
  }
  // These end up inside configuration files of four syntaxes; a quote or a line break would need four escapings.
  if (/[\p{Cc}"'\\$;{}]/u.test(root)) {
    throw new StackError(
      'configuration',
      `the run directory has a character in its path that configuration files cannot hold (one of " ' \\ $ ; { }): ${root}\nchoose another one with --dir`,
    );
  }
  return {
    root,
    state: join(root, 'stack.json'),
    pages: join(root, 'pages'),
    secrets: join(root, 'secrets'),
    config: join(root, 'config'),
    edgeConfig: join(root, 'config', 'edge'),
    data: (name) => join(root, 'data', name),
    log: (name) => join(root, 'logs', `${name}.log`),
    socket,
  };
}

/** In `data`: PostgreSQL runs as a user of its own when the stack is root's, and closes its folder itself. */
const ofAnotherUser = /^postgres(-\d+)?$/;

/** What a stack has at the top of its directory; the state is drafted as `stack.json.<pid>`. */
const ofStack = /^(stack\.json(\.\d+)?|pages|secrets|config|data|logs|sockets)$/;

/**
 * Makes the folders. All that is in them is the owner's alone: logs name shoppers, data holds their orders, and
 * configuration holds passwords. `data` and the directory itself can be passed through by PostgreSQL's user, not listed.
 * A directory that was given and holds other things too (/tmp for example) keeps its mode. Throws {@link StackError} when they cannot be made or written to.
 */
export async function makeRunDirectory(dir: RunDirectory): Promise<void> {
  const data = join(dir.root, 'data');
  const closed = [
    dir.secrets,
    join(dir.root, 'sockets'),
    join(dir.root, 'logs'),
    dir.pages,
    dir.config,
    dir.edgeConfig,
  ];
  try {
    await mkdir(dir.root, { recursive: true, mode: 0o711 });
    await mkdir(data, { recursive: true, mode: 0o711 });
    for (const each of closed) await mkdir(each, { recursive: true, mode: 0o700 });
    // Folders of an earlier start, by another user or before the disk became read-only.
    await Promise.all([dir.root, dir.secrets, join(dir.root, 'logs')].map((each) => access(each, constants.W_OK)));
    // Folders of an earlier version.
    const inData = (await readdir(data)).filter((name) => !ofAnotherUser.test(name)).map((name) => join(data, name));
    await closeRoot(dir.root);
    await chmod(data, 0o711).catch(ignoreForeign);
    for (const each of [...closed, ...inData]) await chmod(each, 0o700).catch(ignoreForeign);
  } catch (error) {
    throw withWriteProblem(error, dir.root);
  }
}

/** Takes the rights of others to list and to write, where all that lies there is the stack's. Opens nothing. */
async function closeRoot(root: string): Promise<void> {
  const names = await readdir(root).catch(() => null); // a directory that may be passed through alone is closed already
  if (root !== defaultRoot && names?.every((name) => ofStack.test(name)) !== true) return;
  const { mode } = await stat(root);
  const isShared = (mode & 0o1000) !== 0; // as /tmp is
  if (!isShared) await chmod(root, mode & 0o7711).catch(ignoreForeign);
}

/** What belongs to another user is closed by that user, or not. */
function ignoreForeign(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPERM') throw error;
}
