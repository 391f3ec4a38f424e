import { expect, test } from 'vitest';
import { paymentProviderNames, settings } from '#contract/settings.ts';
import { configProblems } from '#lab/kits/process-settings.ts';
import { readConfig } from '#runtime/config.ts';
import { chooseProvider } from './choose-provider.ts';

test('every payment provider that the setting knows can be made; without the setting it is http', async () => {
  const options = { url: 'http://127.0.0.1:9', apiKey: 'the-key-of-a-test', secrets: [] };
  for (const name of paymentProviderNames) {
    const provider = chooseProvider(name, options);
    expect([name, typeof provider.createPayment]).toEqual([name, 'function']);
    await provider.close();
  }
  expect(readConfig(settings, ['SECKILL_PAYMENT_PROVIDER'], {})).toEqual({ SECKILL_PAYMENT_PROVIDER: 'http' });
});

test('order-worker refuses an unknown payment provider, and lists those that it knows', () => {
  expect(configProblems('order-worker/main.ts', { SECKILL_PAYMENT_PROVIDER: 'sandbox' })).toContain(
    'SECKILL_PAYMENT_PROVIDER must be a payment provider that order-worker knows: http',
  );
});
