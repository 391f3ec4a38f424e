import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDirectory } from '../host/run-directory.ts';

export type Secrets = {
  sessionSecret: string;
  challengeSecret: string;
  databasePassword: string;
  /** What the sandbox provider knows us by, and what it signs its webhooks with. */
  paymentApiKey: string;
  paymentWebhookSecret: string;
  consoleToken: string;
};

/** The processes read it themselves, again and again: `seckill keys rotate` changes it while they run. */
export const ticketKeysFile = (dir: RunDirectory): string => join(dir.secrets, 'ticket-keys');

/** Where a person finds what opens the console. */
export const consoleTokenFile = (dir: RunDirectory): string => join(dir.secrets, 'console-token');

/** The stack's secrets: made at the first call, files of mode 0600, the same ever after. */
export async function readSecrets(dir: RunDirectory): Promise<Secrets> {
  const made = await Promise.all([
    once(join(dir.secrets, 'session-secret'), hex),
    once(join(dir.secrets, 'challenge-secret'), hex),
    once(join(dir.secrets, 'database-password'), hex),
    once(join(dir.secrets, 'payment-api-key'), hex),
    once(join(dir.secrets, 'payment-webhook-secret'), () => `whsec_${randomBytes(32).toString('base64')}`),
    once(consoleTokenFile(dir), hex),
    once(ticketKeysFile(dir), () => `k1:${hex()}`),
  ]);
  const [sessionSecret, challengeSecret, databasePassword, paymentApiKey, paymentWebhookSecret, consoleToken] = made;
  return { sessionSecret, challengeSecret, databasePassword, paymentApiKey, paymentWebhookSecret, consoleToken };
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
