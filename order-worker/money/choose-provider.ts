import { type PaymentProviderName, paymentProviderSettings, settings } from '#contract/settings.ts';
import { ConfigError, readConfig, readTogether } from '#runtime/config.ts';
import type { OpensProvider, ProviderAdapter } from './provider/adapter.ts';
import { alipayAdapter } from './provider/alipay/alipay-adapter.ts';
import { httpAdapter } from './provider/http/http-adapter.ts';
import { stripeAdapter } from './provider/stripe/stripe-adapter.ts';

/** One line a provider; the names are those that the setting knows. How to bring one: docs/payment-provider.md. */
const adapters: Record<PaymentProviderName, ProviderAdapter> = {
  http: httpAdapter,
  stripe: stripeAdapter,
  alipay: alipayAdapter,
};

type Environment = Record<string, string | undefined>;

/**
 * The provider that SECKILL_PAYMENT_PROVIDER names, with its settings. Throws {@link ConfigError} with every problem: what it
 * lacks, what is wrong, and settings of the other providers: somebody who set them expects them to be used.
 */
export function chooseProvider(environment: Environment): { name: PaymentProviderName; open: OpensProvider } {
  const { SECKILL_PAYMENT_PROVIDER: name } = readConfig(settings, ['SECKILL_PAYMENT_PROVIDER'], environment);
  const adapter = adapters[name];
  const [open] = readTogether(
    () => adapter.read(environment),
    () => checkOthers(name, adapter, environment),
  );
  return { name, open };
}

function checkOthers(name: PaymentProviderName, { settings: own, needs }: ProviderAdapter, given: Environment): void {
  const with_ = `with SECKILL_PAYMENT_PROVIDER=${name}`;
  const missing = Object.entries(needs)
    .filter(([setting]) => given[setting] === undefined)
    .map(([setting, why]) => `${setting} is not set; it is needed ${with_}: ${why}`);
  const unused = Object.values(paymentProviderSettings)
    .flat()
    .filter((setting) => !own.some((one) => one === setting))
    .flatMap((setting) => [setting, `${setting}_FILE`])
    .filter((setting) => given[setting] !== undefined)
    .map((setting) => `${setting} is of no use ${with_}: unset it, or choose its provider`);
  if (missing.length + unused.length > 0) throw new ConfigError([...missing, ...unused]);
}
