import { createPublicKey } from 'node:crypto';
import { paymentProviderSettings, settings } from '#contract/settings.ts';
import { ConfigError, readConfig } from '#runtime/config.ts';
import type { ProviderAdapter } from '../adapter.ts';

const own = paymentProviderSettings.alipay;
/** The console shows the two beside each other, and the wrong one is wrong only when money comes. */
const sameKey =
  "SECKILL_ALIPAY_PUBLIC_KEY is the app's own public key: Alipay's is the one that its console calls 支付宝公钥";

/** Alipay, by its official SDK. */
export const alipayAdapter: ProviderAdapter = {
  settings: own,
  needs: { SECKILL_PUBLIC_URL: 'Alipay sends its notices there, and its page leads back there' },
  read: (environment) => {
    const config = readConfig(settings, [...own, 'SECKILL_PUBLIC_URL'], environment);
    const { SECKILL_ALIPAY_PRIVATE_KEY: privateKey, SECKILL_ALIPAY_PUBLIC_KEY: alipayKey } = config;
    if (createPublicKey(privateKey).equals(alipayKey)) throw new ConfigError([sameKey]);
    return async () => {
      const { createAlipayProvider } = await import('./alipay-provider.ts');
      return createAlipayProvider({
        ...{ privateKey, alipayKey },
        appId: config.SECKILL_ALIPAY_APP_ID,
        url: config.SECKILL_ALIPAY_GATEWAY_URL,
        way: config.SECKILL_ALIPAY_WAY,
        notifyUrl: `${config.SECKILL_PUBLIC_URL}/api/payments/webhook`,
      });
    };
  },
};
