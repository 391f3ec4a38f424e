import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cdcSinkSettings, paymentProviderSettings, type SettingName, settings } from '#contract/settings.ts';
import { consoleSettings, readConsoleConfig } from '#gateway/console/console-config.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { chooseSink } from '#order-worker/cdc/choose-sink.ts';
import { chooseProvider } from '#order-worker/money/choose-provider.ts';
import { ConfigError, readConfig, readTogether } from '#runtime/config.ts';

export const checkout = join(import.meta.dirname, '../../..');
export const deployDir = join(checkout, 'infra/deploy');

/** The settings that a process reads: what stands in the `readConfig` of its main.ts. */
export function settingsOf(main: string): SettingName[] {
  const text = readFileSync(join(checkout, main), 'utf8');
  const call = /readConfig\(\s*settings,\s*\[([^\]]*)\]/.exec(text)?.[1] ?? '';
  const names = [...call.matchAll(/'(SECKILL_[A-Z_]+)'/g)].map(([, name]) => name);
  const known = names.filter((name): name is SettingName => name !== undefined && name in settings);
  if (known.length === 0 || known.length < names.length) throw new Error(`${main}: ${names.join(', ')}`);
  return known;
}

/** What the commands that work on a sale read. */
const commandSettings: SettingName[] = [
  'SECKILL_STOCK_REDIS_URL',
  'SECKILL_QUEUE_REDIS_URL',
  'SECKILL_ZOOKEEPER',
  'SECKILL_ZOOKEEPER_AUTH',
  'SECKILL_DATABASE_URL',
  'SECKILL_TICKET_KEYS',
  'SECKILL_TICKET_KEYS_FILE',
  'SECKILL_SESSION_SECRET',
  'SECKILL_CHALLENGE_SECRET',
  'SECKILL_PERSONAL_KEYS',
  'SECKILL_EDGE_URL',
  'SECKILL_EDGE_CONNECT',
  'SECKILL_EDGE_CA_FILE',
  'SECKILL_EDGE_INNER_URL',
  'SECKILL_PAGES_DIR',
  'SECKILL_BRAND_DIR',
  'SECKILL_PUBLIC_URL',
  'SECKILL_SIGN_IN_URL',
  'SECKILL_SIGN_IN_COOKIE',
];

function readBy(program: string): readonly SettingName[] {
  if (program.includes('migrate')) return ['SECKILL_DATABASE_URL'];
  if (program === cdcProgram) return settingsOf('order-worker/cdc/run-cdc.ts');
  return program.endsWith('main.ts') ? settingsOf(program) : commandSettings;
}

/** What a process reads beside the list in its main.ts. */
const cdcProgram = 'order-worker/cdc/main.ts';
const furtherSettings: Record<string, readonly SettingName[]> = {
  [cdcProgram]: Object.values(cdcSinkSettings).flat(),
  'infra/cli/seckill.ts migrate': ['SECKILL_CDC_DATABASE_URL'],
  'gateway/main.ts': consoleSettings,
  'order-worker/main.ts': Object.values(paymentProviderSettings).flat(),
};

/** The files below `mounted` that the program reads when it has this environment, by their names. */
export function secretsReadBy(program: string, environment: Record<string, string>, mounted: string): string[] {
  const names = [...readBy(program), ...(furtherSettings[program] ?? [])];
  const read = new Set<string>(names.map((name) => `${name.replace(/_FILE$/, '')}_FILE`));
  const paths = Object.entries(environment).flatMap(([name, value]) => (read.has(name) ? [value] : []));
  return [
    ...new Set(paths.flatMap((path) => (path.startsWith(`${mounted}/`) ? [path.slice(mounted.length + 1)] : []))),
  ];
}

/** Reads the environment as the process does that runs `program`, with the very code; returns every problem. */
export function configProblems(program: string, environment: Record<string, string>): readonly string[] {
  try {
    readTogether(
      () => readConfig(settings, readBy(program), environment),
      () => {
        if (program === 'gateway/main.ts') readConsoleConfig(environment);
        if (program === 'order-worker/main.ts') chooseProvider(environment);
        if (program === cdcProgram) chooseSink(environment);
      },
    );
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** Secrets as an operator has them: made by make-secrets.sh, and what comes from others put beside. */
export function makeSecrets(dir: string, endOfNames = '', isHa = false): void {
  const options = isHa ? ['--ha'] : [];
  execFileSync('sh', [join(deployDir, 'make-secrets.sh'), ...options, dir, endOfNames], { stdio: 'pipe' });
  for (const name of ['payment-api-key', 'tls.crt', 'tls.key']) {
    const path = join(dir, name);
    if (!existsSync(path)) writeFileSync(path, 'a key that the operator put there');
    chmodSync(path, 0o644);
  }
}

/** A temporary directory with such secrets, named after the file that asks; it is removed when the file is through. */
export function secretsDirectory(name: string, endOfNames = '', isHa = false): string {
  const dir = temporaryDirectory(name);
  makeSecrets(dir, endOfNames, isHa);
  return dir;
}

/** `/run/secrets/…` is a directory of the test. */
export function withSecretsIn(environment: Record<string, string>, mounted: string, dir: string) {
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, value.replace(mounted, dir)]));
}
