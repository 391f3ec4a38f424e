import { expect, test } from 'vitest';
import { StackError } from '../host/errors.ts';
import { runDirectory } from '../host/run-directory.ts';
import { givenSettings } from './given-settings.ts';

const dir = runDirectory('/tmp/seckill-given-settings');
function problemsOf(environment: Record<string, string>): string {
  try {
    return `taken: ${JSON.stringify(givenSettings(environment, dir))}`;
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    return `${error.kind}: ${error.message}`;
  }
}

test('a setting that the stack does not make is taken as it was given', () => {
  const given = {
    SECKILL_SIGN_IN_JWKS_URL: 'https://login.example/jwks.json',
    SECKILL_SIGN_IN_ISSUER: 'https://login.example',
    SECKILL_SIGN_IN_URL: 'https://login.example/?returnTo={returnTo}',
    SECKILL_SIGN_IN_COOKIE: 'shop-session',
    SECKILL_DEMO_SIGN_IN: 'off',
    SECKILL_TICKET_TTL_SECONDS: '60',
    SECKILL_LOG_LEVEL: 'debug',
  };
  expect(givenSettings({ ...given, PATH: '/bin', SECKILL_K6: '/bin/k6', SECKILL_RUN_DIR: '/tmp/x' }, dir)).toEqual(
    given,
  );
});

test('what the stack makes itself, a wrong value and a name that is none are refused, all at once', () => {
  const problems = problemsOf({
    SECKILL_STOCK_REDIS_URL: 'redis://elsewhere:6379',
    SECKILL_SESSION_SECRET: 'a secret of at least 32 characters',
    SECKILL_LOG_LEVEL: 'loud',
    SECKILL_SIGN_IN_JWKS: 'https://login.example',
    SECKILL_SIGN_IN_COOKIE: 'shop-session',
  });
  expect(problems).toMatch(/^configuration: /);
  for (const words of [
    'SECKILL_STOCK_REDIS_URL is made by the stack',
    `SECKILL_SESSION_SECRET is made by the stack on this machine (secrets are in ${dir.secrets})`,
    'SECKILL_LOG_LEVEL',
    'SECKILL_SIGN_IN_JWKS is not a setting; did you mean SECKILL_SIGN_IN_JWKS_URL?',
    'SECKILL_SIGN_IN_COOKIE is of no use alone: set SECKILL_SIGN_IN_URL',
  ])
    expect(problems).toContain(words);
  expect(problems).not.toContain('elsewhere');
  expect(problems).not.toContain('a secret of');
});
