import { expect, test } from 'vitest';
import { settings } from '#contract/settings.ts';
import { ConfigError, readConfig } from './config.ts';

const problemsOf = (environment: Record<string, string>, names: (keyof typeof settings)[]) => {
  try {
    readConfig(settings, names, environment);
    return [];
  } catch (error) {
    return error instanceof ConfigError ? error.problems : [String(error)];
  }
};

test('every problem is named at once: missing, wrong, and unknown', () => {
  const problems = problemsOf({ SECKILL_ZOOKEEPER: 'nowhere', SECKILL_ZOOKEPER: 'a:1' }, [
    'SECKILL_ZOOKEEPER',
    'SECKILL_LISTEN',
  ]);
  expect(problems).toEqual([
    'SECKILL_ZOOKEPER is not a setting; did you mean SECKILL_ZOOKEEPER?',
    'SECKILL_ZOOKEEPER must be host:port[,host:port]',
    'SECKILL_LISTEN is not set',
  ]);
});

test('a setting with a default may be absent, and names of others are left alone', () => {
  const config = readConfig(settings, ['SECKILL_LOG_LEVEL'], { PATH: '/bin' });
  expect(config).toEqual({ SECKILL_LOG_LEVEL: 'info' });
  expect(Object.isFrozen(config)).toBe(true);
});

test('an address that would listen on every interface is refused', () => {
  expect(problemsOf({ SECKILL_LISTEN: ':8080' }, ['SECKILL_LISTEN'])).toHaveLength(1);
});
