import { expect, test } from 'vitest';
import { paymentProviderNames } from '#contract/settings.ts';
import { configProblems } from '#lab/kits/process-settings.ts';
import { ConfigError } from '#runtime/config.ts';
import { chooseProvider } from './choose-provider.ts';

const whsec = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
/** What each provider needs, by its name. */
const given = {
  http: {
    SECKILL_PAYMENT_URL: 'http://127.0.0.1:9',
    SECKILL_PAYMENT_API_KEY: 'the-key-of-a-test',
    SECKILL_PAYMENT_WEBHOOK_SECRET: whsec,
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

test('order-worker refuses an unknown payment provider, and lists those that it knows, beside all else that is wrong', () => {
  const problems = configProblems('order-worker/main.ts', { SECKILL_PAYMENT_PROVIDER: 'sandbox', SECKILL_PRIZE: '1' });
  expect(problems).toContain(
    `SECKILL_PAYMENT_PROVIDER must be a payment provider that order-worker knows: ${paymentProviderNames.join(', ')}`,
  );
  expect(problems).toContain('SECKILL_LISTEN is not set');
  expect(problems.filter((problem) => problem.startsWith('SECKILL_PRIZE'))).toHaveLength(1);
});
