import { randomUUID } from 'node:crypto';
import { chmod, chown, rename, rm, stat, writeFile } from 'node:fs/promises';
import { formatTicketKeys, parseTicketKeys, type TicketKey } from '#contract/ticket.ts';
import { whyUnreadable } from '#runtime/config.ts';
import { FileProblem } from '#runtime/files/regular-file.ts';
import { readTextFile } from '#runtime/files/text-file.ts';
import { CliError } from '../kit/cli-error.ts';
import { commandConfig } from '../kit/command-config.ts';

type Environment = Record<string, string | undefined>;

/** The keys that this machine knows, wherever they come from: to sign rehearsal tickets with. */
export async function readTicketKeys(environment: Environment): Promise<TicketKey[]> {
  const { SECKILL_TICKET_KEYS: fixed } = commandConfig(
    ['SECKILL_TICKET_KEYS', 'SECKILL_TICKET_KEYS_FILE'],
    environment,
  );
  return fixed ?? (await readTicketKeysFile(environment)).keys;
}

/** The file of the keys, and what is in it. `changedAtMs`: when it was written. */
export type TicketKeysFile = { path: string; keys: TicketKey[]; changedAtMs: number };

/** Reads the file that SECKILL_TICKET_KEYS_FILE names; a problem names the file, never its text. */
export async function readTicketKeysFile(environment: Environment): Promise<TicketKeysFile> {
  const { SECKILL_TICKET_KEYS_FILE: path } = commandConfig(['SECKILL_TICKET_KEYS_FILE'], environment);
  if (path === undefined) throw new CliError('SECKILL_TICKET_KEYS_FILE is not set (nor SECKILL_TICKET_KEYS)', 78);
  try {
    const text = await readTextFile(path);
    return { path, keys: parseTicketKeys(text), changedAtMs: (await stat(path)).mtimeMs };
  } catch (error) {
    if (error instanceof FileProblem) throw new CliError(`${path} ${error.message}`, 78);
    throw new CliError(`${path}: ${whyUnreadable(error)}`, 78);
  }
}

/**
 * Replaces the file as a whole, so that a reader never sees half of it. Owner and rights to read stay: where others may read
 * it, they are the users of containers, and its directory is closed (infra/deploy/make-secrets.sh).
 */
export async function writeTicketKeysFile(path: string, keys: readonly TicketKey[]): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    const { uid, gid, mode } = await stat(path);
    await writeFile(draft, `${formatTicketKeys(keys)}\n`, { mode: 0o600, flag: 'wx' });
    await chown(draft, uid, gid);
    await chmod(draft, mode & 0o664);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new CliError(
      `${path} cannot be replaced: ${error instanceof Error ? error.message : String(error)}. Is it a mounted secret? See --print`,
      1,
    );
  }
}
