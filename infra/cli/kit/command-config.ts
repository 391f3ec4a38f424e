import { type SettingName, settings } from '#contract/settings.ts';
import { readConfig } from '#runtime/config.ts';

/** Reads the settings that a command needs beyond its connections. */
export function commandConfig<N extends SettingName>(
  names: readonly N[],
  environment: Record<string, string | undefined>,
) {
  return readConfig(settings, names, environment);
}
