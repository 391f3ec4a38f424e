import { type SettingName, settings } from '#contract/settings.ts';
import { readConfig } from '#runtime/config.ts';
import type { OpenProvider } from './provider.ts';

type Environment = Record<string, string | undefined>;
type ConfigOf<N extends SettingName> = ReturnType<typeof readConfig<typeof settings, N>>;

/** What opens a provider. It opens no connection before the first call. */
export type OpensProvider = () => Promise<OpenProvider>;
export type ProviderAdapter = {
  /** Its own settings: of no use with another provider. Which of them it can do without is said in settings.ts (`optional`). */
  settings: readonly SettingName[];
  /** Settings that others have a use for, too, and that it cannot do without, each with the reason. */
  needs: Partial<Record<SettingName, string>>;
  /** Throws ConfigError with every problem of its own settings. */
  read: (environment: Environment) => OpensProvider;
};

/**
 * The entry of a provider in choose-provider.ts. `open` is given the values of `settings`, parsed. It imports its provider
 * itself (`await import`): a process loads no package of a provider that it does not use.
 */
export function providerAdapter<N extends SettingName>(options: {
  settings: readonly N[];
  needs?: ProviderAdapter['needs'];
  open: (config: ConfigOf<N>) => Promise<OpenProvider>;
}): ProviderAdapter {
  const { settings: own, needs = {}, open } = options;
  return {
    settings: own,
    needs,
    read: (environment) => {
      const config = readConfig(settings, own, environment);
      return () => open(config);
    },
  };
}
