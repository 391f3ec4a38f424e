import type { PaymentProviderName } from '#contract/settings.ts';
import { createHttpProvider } from './provider/http/http-provider.ts';
import type { OpenProvider } from './provider/provider.ts';

type ProviderOptions = Parameters<typeof createHttpProvider>[0];

/** One line a provider; the names are those that the setting knows. How to bring one: docs/payment-provider.md. */
const providers: Record<PaymentProviderName, (options: ProviderOptions) => OpenProvider> = {
  http: createHttpProvider,
};

/** The provider that SECKILL_PAYMENT_PROVIDER names. Opens no connection before the first call. */
export const chooseProvider = (name: PaymentProviderName, options: ProviderOptions): OpenProvider =>
  providers[name](options);
