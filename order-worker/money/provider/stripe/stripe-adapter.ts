import { paymentProviderSettings } from '#contract/settings.ts';
import { providerAdapter } from '../adapter.ts';

/** Stripe Checkout: docs/payment-provider.md. */
export const stripeAdapter = providerAdapter({
  settings: paymentProviderSettings.stripe,
  needs: { SECKILL_PUBLIC_URL: "Stripe's page leads the shopper back there" },
  open: async (config) => {
    const { createStripeProvider } = await import('./stripe-provider.ts');
    return createStripeProvider({
      secretKey: config.SECKILL_STRIPE_SECRET_KEY,
      secrets: config.SECKILL_STRIPE_WEBHOOK_SECRET,
      apiUrl: new URL(config.SECKILL_STRIPE_API_URL),
      now: Date.now,
    });
  },
});
