import { type SettingName, settings } from '#contract/settings.ts';
import { readConfig } from '#runtime/config.ts';

/** What a gateway with a console reads beside its own settings. */
export const consoleSettings = [
  'SECKILL_CONSOLE_TOKEN',
  'SECKILL_CONSOLE_QUEUES_WRITABLE',
  'SECKILL_QUEUE_REDIS_URL',
  'SECKILL_EDGE_INNER_URL',
  'SECKILL_SERVICE_INNER_URL',
  'SECKILL_WORKER_INNER_URL',
] as const satisfies SettingName[];

export type ConsoleConfig = ReturnType<typeof read> & { token: string };

const read = (environment: Record<string, string | undefined>) => readConfig(settings, consoleSettings, environment);

/** Where the others are, which a gateway need not know unless it has the console; null without a token: no console. */
export function readConsoleConfig(environment: Record<string, string | undefined>): ConsoleConfig | null {
  const isGiven =
    environment.SECKILL_CONSOLE_TOKEN !== undefined || environment.SECKILL_CONSOLE_TOKEN_FILE !== undefined;
  if (!isGiven) return null;
  const config = read(environment);
  return { ...config, token: config.SECKILL_CONSOLE_TOKEN ?? '' };
}
