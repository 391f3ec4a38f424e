import { paymentProviderSettings } from '#contract/settings.ts';
import { parseWebhookSecrets } from '#runtime/standard-webhooks.ts';
import { providerAdapter } from '../adapter.ts';

/** Our own protocol (contract/payment-protocol.ts), spoken to a server of the shop's. */
export const httpAdapter = providerAdapter({
  settings: paymentProviderSettings.http,
  open: async (config) => {
    const { createHttpProvider } = await import('./http-provider.ts');
    return createHttpProvider({
      url: config.SECKILL_PAYMENT_URL,
      apiKey: config.SECKILL_PAYMENT_API_KEY,
      secrets: parseWebhookSecrets(config.SECKILL_PAYMENT_WEBHOOK_SECRET),
    });
  },
});
