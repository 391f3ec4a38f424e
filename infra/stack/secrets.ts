import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDirectory } from './run-directory.ts';

export type Secrets = { ticketKeys: string; sessionSecret: string; databasePassword: string };

export const ticketKeysFile = (dir: RunDirectory): string => join(dir.secrets, 'ticket-keys');

/** The stack's secrets: made at the first call, files of mode 0600, the same ever after. */
export async function readSecrets(dir: RunDirectory): Promise<Secrets> {
  const [ticketKeys, sessionSecret, databasePassword] = await Promise.all([
    once(ticketKeysFile(dir), () => `k1:${hex()}`),
    once(join(dir.secrets, 'session-secret'), hex),
    once(join(dir.secrets, 'database-password'), hex),
  ]);
  return { ticketKeys, sessionSecret, databasePassword };
}

const hex = () => randomBytes(32).toString('hex');

/** The file's text; written whole first when there is no file. Whoever links first wins, all read the winner's. */
async function once(path: string, make: () => string): Promise<string> {
  const existing = await readFile(path, 'utf8').catch(() => null);
  if (existing !== null) return existing.trim();
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${make()}\n`, { mode: 0o600 });
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft, { force: true });
  return (await readFile(path, 'utf8')).trim();
}
