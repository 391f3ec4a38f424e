import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDirectory } from '../host/run-directory.ts';

export type Secrets = {
  sessionSecret: string;
  challengeSecret: string;
  databasePassword: string;
  /** Of the role that reads for the data team. */
  cdcPassword: string;
  redisPasswords: Readonly<Record<'stock-redis' | 'queue-redis', string>>;
  /** Of the sentinels; null in a stack without them. */
  sentinelPassword: string | null;
  /** Of the user that a standby copies PostgreSQL as, and of who may give orders to Patroni; null in a stack without a standby. */
  standbyPassword: string | null;
  /** `user:password`. Only a process that knows it may change the stack's nodes in ZooKeeper. */
  zookeeperAuth: string;
  /** Seals contact and address of shoppers. */
  personalKeys: string;
  /** What the sandbox provider knows us by, and what it signs its webhooks with. */
  paymentApiKey: string;
  paymentWebhookSecret: string;
  /** What the tokens for a shop's own checkout are signed with, PEM, and what that shop signs its calls with. */
  handOverKey: string;
  handOverSecret: string;
  consoleToken: string;
};

/** The secrets of a stack as it was started: null for one that its version did not have. */
export type KnownSecrets = { [Name in Exclude<keyof Secrets, 'redisPasswords'>]: string | null } & {
  redisPasswords: Readonly<Record<keyof Secrets['redisPasswords'], string | null>>;
};

/** The processes read it themselves, again and again: `seckill keys rotate` changes it while they run. */
export const ticketKeysFile = (dir: RunDirectory): string => join(dir.secrets, 'ticket-keys');

/** Where a person finds what opens the console. */
export const consoleTokenFile = (dir: RunDirectory): string => join(dir.secrets, 'console-token');

/** Where a shop finds what it signs its calls with: npm run example:shop reads it. */
export const handOverSecretFile = (dir: RunDirectory): string => join(dir.secrets, 'hand-over-secret');

/** nginx reads that of queue Redis itself. */
export const redisPasswordFile = (dir: RunDirectory, role: 'stock-redis' | 'queue-redis'): string =>
  join(dir.secrets, `${role}-password`);

export const sentinelPasswordFile = (dir: RunDirectory): string => join(dir.secrets, 'sentinel-password');
const standbyPasswordFile = (dir: RunDirectory): string => join(dir.secrets, 'standby-password');

type ReadOne<Secret> = (path: string, make: () => string) => Promise<Secret>;

/**
 * For the start of a stack alone: its secrets, made at the first start, files of mode 0600, the same ever after. In a stack
 * that runs, a secret that its processes do not know would shut them out.
 */
export async function makeSecrets(dir: RunDirectory, { ha }: { ha: boolean }): Promise<Secrets> {
  const [secrets, sentinelPassword, standbyPassword] = await Promise.all([
    each(dir, once),
    ha ? once(sentinelPasswordFile(dir), hex) : null,
    ha ? once(standbyPasswordFile(dir), hex) : null,
    once(ticketKeysFile(dir), () => `k1:${hex()}`),
  ]);
  return { ...secrets, sentinelPassword, standbyPassword };
}

/** The secrets that are there; makes none. */
export async function readSecrets(dir: RunDirectory): Promise<KnownSecrets> {
  const [secrets, sentinelPassword, standbyPassword] = await Promise.all([
    each(dir, textOf),
    textOf(sentinelPasswordFile(dir)),
    textOf(standbyPasswordFile(dir)),
  ]);
  return { ...secrets, sentinelPassword, standbyPassword };
}

async function each<Secret>(dir: RunDirectory, read: ReadOne<Secret>) {
  const [sessionSecret, challengeSecret, databasePassword, stockPassword, queuePassword, ...rest] = await Promise.all([
    read(join(dir.secrets, 'session-secret'), hex),
    read(join(dir.secrets, 'challenge-secret'), hex),
    read(join(dir.secrets, 'database-password'), hex),
    read(redisPasswordFile(dir, 'stock-redis'), hex),
    read(redisPasswordFile(dir, 'queue-redis'), hex),
    read(join(dir.secrets, 'zookeeper-auth'), () => `seckill:${hex()}`),
    read(join(dir.secrets, 'payment-api-key'), hex),
    read(join(dir.secrets, 'payment-webhook-secret'), whsec),
    read(consoleTokenFile(dir), hex),
    read(join(dir.secrets, 'personal-keys'), () => `p1:${randomBytes(32).toString('base64')}`),
    read(join(dir.secrets, 'hand-over-key'), es256Key),
    read(handOverSecretFile(dir), whsec),
    read(join(dir.secrets, 'cdc-password'), hex),
  ]);
  const [
    zookeeperAuth,
    paymentApiKey,
    paymentWebhookSecret,
    consoleToken,
    personalKeys,
    handOverKey,
    handOverSecret,
    cdcPassword,
  ] = rest;
  return {
    ...{ sessionSecret, challengeSecret, databasePassword, zookeeperAuth },
    ...{ paymentApiKey, paymentWebhookSecret, consoleToken, personalKeys, handOverKey, handOverSecret, cdcPassword },
    redisPasswords: { 'stock-redis': stockPassword, 'queue-redis': queuePassword },
  };
}

const hex = () => randomBytes(32).toString('hex');
const whsec = () => `whsec_${randomBytes(32).toString('base64')}`;
const es256Key = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()
    .trim();

/** The file's text; null when there is no file. */
async function textOf(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** The file's text; written whole first when there is no file. Of several processes, the first to link wins, and all read its text. */
async function once(path: string, make: () => string): Promise<string> {
  const existing = await textOf(path);
  if (existing !== null) return existing;
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${make()}\n`, { mode: 0o600 });
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft, { force: true });
  return (await readFile(path, 'utf8')).trim();
}
