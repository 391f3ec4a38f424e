import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { paymentProviderNames } from '#contract/settings.ts';
import { configProblems } from '#lab/kits/process-settings.ts';
import { ConfigError } from '#runtime/config.ts';
import { chooseProvider } from './choose-provider.ts';

const whsec = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const appKey = generateKeyPairSync('rsa', { modulusLength: 2048 });
const alipayKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
const pem = (key: typeof alipayKey) => key.export({ type: 'spki', format: 'pem' }).toString();
/** What each provider needs, by its name. */
const given = {
  http: {
    SECKILL_PAYMENT_URL: 'http://127.0.0.1:9',
    SECKILL_PAYMENT_API_KEY: 'the-key-of-a-test',
    SECKILL_PAYMENT_WEBHOOK_SECRET: whsec,
  },
  stripe: {
    SECKILL_STRIPE_SECRET_KEY: 'sk_test_of_a_test',
    SECKILL_STRIPE_WEBHOOK_SECRET: 'whsec_0123456789abcdef, whsec_fedcba9876543210',
    SECKILL_PUBLIC_URL: 'https://sale.example',
  },
  alipay: {
    SECKILL_ALIPAY_APP_ID: '2014072300007148',
    SECKILL_ALIPAY_PRIVATE_KEY: appKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    SECKILL_ALIPAY_PUBLIC_KEY: pem(alipayKey),
    SECKILL_PUBLIC_URL: 'https://shop.example',
  },
} satisfies Record<(typeof paymentProviderNames)[number], Record<string, string>>;

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    return [`it is ${chooseProvider(environment).name}`];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

test('every payment provider that the setting knows can be made of its own settings; without the setting it is http', async () => {
  for (const name of paymentProviderNames) {
    const chosen = chooseProvider({ SECKILL_PAYMENT_PROVIDER: name, ...given[name] });
    const provider = await chosen.open();
    expect([name, chosen.name, typeof provider.createPayment]).toEqual([name, name, 'function']);
    await provider.close();
  }
  expect(problemsOf(given.http)).toEqual(['it is http']);
});

test.each(Object.entries(given))('%s without its settings: a line for each that is missing', (name, needed) => {
  const problems = problemsOf({ SECKILL_PAYMENT_PROVIDER: name });
  for (const setting of Object.keys(needed)) expect(problems.join('\n')).toContain(`${setting} is not set`);
});

test('settings of another provider than the chosen one are refused by name, secrets unsaid', () => {
  const problems = problemsOf({
    ...given.stripe,
    SECKILL_PAYMENT_PROVIDER: 'stripe',
    SECKILL_PAYMENT_URL: 'https://pay.example',
    SECKILL_PAYMENT_API_KEY_FILE: '/run/secrets/payment-api-key',
  });
  expect(problems).toEqual([
    'SECKILL_PAYMENT_URL is of no use with SECKILL_PAYMENT_PROVIDER=stripe: unset it, or choose its provider',
    'SECKILL_PAYMENT_API_KEY_FILE is of no use with SECKILL_PAYMENT_PROVIDER=stripe: unset it, or choose its provider',
  ]);
});

test.each([
  ['SECKILL_STRIPE_SECRET_KEY', 'pk_test_of_a_test', /must be a secret key of Stripe/],
  ['SECKILL_STRIPE_WEBHOOK_SECRET', 'whsec_0123456789abcdef,', /must be whsec_/],
  ['SECKILL_STRIPE_API_URL', 'http://api.stripe.com', /https:\/\//],
  ['SECKILL_STRIPE_API_URL', 'https://api.stripe.com/v1', /nothing after it/],
  ['SECKILL_STRIPE_API_URL', 'http://127.0.0.1.example', /loopback/],
])('%s is refused as %s', (name, value, problem) => {
  const problems = problemsOf({ ...given.stripe, SECKILL_PAYMENT_PROVIDER: 'stripe', [name]: value });
  expect(problems).toEqual([expect.stringMatching(problem)]);
  expect(problems.join()).not.toContain(value);
});

test('order-worker refuses an unknown payment provider, and lists those that it knows, beside all else that is wrong', () => {
  const problems = configProblems('order-worker/main.ts', { SECKILL_PAYMENT_PROVIDER: 'sandbox', SECKILL_PRIZE: '1' });
  expect(problems).toContain(
    `SECKILL_PAYMENT_PROVIDER must be a payment provider that order-worker knows: ${paymentProviderNames.join(', ')}`,
  );
  expect(problems).toContain('SECKILL_LISTEN is not set');
  expect(problems.filter((problem) => problem.startsWith('SECKILL_PRIZE'))).toHaveLength(1);
});

test.each([
  ['a number that is none', { SECKILL_ALIPAY_APP_ID: 'shop' }, 'SECKILL_ALIPAY_APP_ID must be the app'],
  [
    'a key that is none',
    { SECKILL_ALIPAY_PRIVATE_KEY: 'secret' },
    'SECKILL_ALIPAY_PRIVATE_KEY must be an RSA private key',
  ],
  ['the app’s own public key', { SECKILL_ALIPAY_PUBLIC_KEY: pem(appKey.publicKey) }, '支付宝公钥'],
  [
    'a gateway without TLS',
    { SECKILL_ALIPAY_GATEWAY_URL: 'http://alipay.example/gateway.do' },
    'SECKILL_ALIPAY_GATEWAY_URL must be an https:// URL',
  ],
  ['another way', { SECKILL_ALIPAY_WAY: 'wap' }, 'SECKILL_ALIPAY_WAY must be qr or page'],
])('Alipay with %s is refused by a line that says so, without the value', (_, change, says) => {
  const problems = problemsOf({ SECKILL_PAYMENT_PROVIDER: 'alipay', ...given.alipay, ...change });
  expect(problems).toEqual([expect.stringContaining(says)]);
  expect(problems.join()).not.toContain('secret');
});
