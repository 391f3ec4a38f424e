import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDirectory } from '../host/run-directory.ts';

export type Secrets = {
  sessionSecret: string;
  challengeSecret: string;
  databasePassword: string;
  redisPasswords: Readonly<Record<'stock-redis' | 'queue-redis', string>>;
  /** `user:password`; every node in ZooKeeper is his. */
  zookeeperAuth: string;
  /** What the sandbox provider knows us by, and what it signs its webhooks with. */
  paymentApiKey: string;
  paymentWebhookSecret: string;
  consoleToken: string;
};

/** The processes read it themselves, again and again: `seckill keys rotate` changes it while they run. */
export const ticketKeysFile = (dir: RunDirectory): string => join(dir.secrets, 'ticket-keys');

/** Where a person finds what opens the console. */
export const consoleTokenFile = (dir: RunDirectory): string => join(dir.secrets, 'console-token');

/** nginx reads that of queue Redis itself. */
export const redisPasswordFile = (dir: RunDirectory, role: 'stock-redis' | 'queue-redis'): string =>
  join(dir.secrets, `${role}-password`);

/** The stack's secrets: made at the first call, files of mode 0600, the same ever after. */
export async function readSecrets(dir: RunDirectory): Promise<Secrets> {
  const made = await Promise.all([
    once(join(dir.secrets, 'session-secret'), hex),
    once(join(dir.secrets, 'challenge-secret'), hex),
    once(join(dir.secrets, 'database-password'), hex),
    once(redisPasswordFile(dir, 'stock-redis'), hex),
    once(redisPasswordFile(dir, 'queue-redis'), hex),
    once(join(dir.secrets, 'zookeeper-auth'), () => `seckill:${hex()}`),
    once(join(dir.secrets, 'payment-api-key'), hex),
    once(join(dir.secrets, 'payment-webhook-secret'), () => `whsec_${randomBytes(32).toString('base64')}`),
    once(consoleTokenFile(dir), hex),
    once(ticketKeysFile(dir), () => `k1:${hex()}`),
  ]);
  const [sessionSecret, challengeSecret, databasePassword, stockPassword, queuePassword, zookeeperAuth, ...rest] = made;
  const [paymentApiKey, paymentWebhookSecret, consoleToken] = rest;
  return {
    ...{ sessionSecret, challengeSecret, databasePassword, zookeeperAuth },
    ...{ paymentApiKey, paymentWebhookSecret, consoleToken },
    redisPasswords: { 'stock-redis': stockPassword, 'queue-redis': queuePassword },
  };
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
