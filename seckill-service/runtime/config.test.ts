import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { settings } from '#contract/settings.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { ConfigError, readConfig, readTogether, whyUnreadable } from './config.ts';

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

test.each([
  ['SECKILL_ZOOKEEPER', 'zk-1:2181,zk-2:99999', 'must have ports of at most 65535'],
  ['SECKILL_LISTEN', '127.0.0.1:65536', 'must have a port of at most 65535'],
  ['SECKILL_EDGE_CONNECT', 'edge:99999', 'a port of at most 65535, IPv6 addresses in brackets'],
  ['SECKILL_EDGE_CONNECT', '::1:8443', 'IPv6 addresses in brackets'],
  ['SECKILL_EDGE_CONNECT', 'edge', 'must be host:port[,host:port]'],
] as const)('an address that leads nowhere is named: %s=%s', (name, value, words) => {
  expect(problemsOf({ [name]: value }, [name])).toEqual([expect.stringContaining(words)]);
});

test.each([
  ['SECKILL_LISTEN', 'unix:/run/seckill/service.sock'],
  ['SECKILL_LISTEN', '0.0.0.0:9000'],
  ['SECKILL_ZOOKEEPER', '[::1]:2181,zk-2:65535'],
  ['SECKILL_EDGE_CONNECT', '[::1]:8443,edge-1.edges:8443'],
] as const)('an address is taken: %s=%s', (name, value) => {
  expect(problemsOf({ [name]: value }, [name])).toEqual([]);
});

test('a setting with a default may be absent, and names of others are left alone', () => {
  const config = readConfig(settings, ['SECKILL_LOG_LEVEL'], { PATH: '/bin' });
  expect(config).toEqual({ SECKILL_LOG_LEVEL: 'info' });
  expect(Object.isFrozen(config)).toBe(true);
});

test('an address that would listen on every interface is refused', () => {
  expect(problemsOf({ SECKILL_LISTEN: ':8080' }, ['SECKILL_LISTEN'])).toHaveLength(1);
});

test('several hosts in a redis:// URL are refused with the form that takes them, and the cache takes that form too', () => {
  const urls = ['redis://a:6379,b:6379', 'redis+sentinel://a,b,c', 'redis+sentinel://a,b,c/queue'];
  const told = urls.map((url) => problemsOf({ SECKILL_CACHE_REDIS_URL: url }, ['SECKILL_CACHE_REDIS_URL']));
  const form = 'redis+sentinel://host:port,host:port,host:port/name, the name that the sentinels know the primary by';
  expect(told).toEqual([
    ['SECKILL_CACHE_REDIS_URL must be a redis:// URL, or a redis+sentinel:// one'],
    [`SECKILL_CACHE_REDIS_URL must be ${form}`],
    [],
  ]);
});

test('a secret may come out of a file; every way to get that wrong is named, and no secret is shown', () => {
  const dir = mkdtempSync(join(tmpdir(), 'config-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const secret = 'a session secret of 32 characters';
  try {
    const config = readConfig(settings, ['SECKILL_SESSION_SECRET', 'SECKILL_CONSOLE_TOKEN'], {
      SECKILL_SESSION_SECRET_FILE: file('session', `${secret}\n`),
    });
    expect(config).toEqual({ SECKILL_SESSION_SECRET: secret });

    const short = file('short', 'short-secret\n');
    expect(
      problemsOf(
        {
          SECKILL_SESSION_SECRET: secret,
          SECKILL_SESSION_SECRET_FILE: short,
          SECKILL_CHALLENGE_SECRET_FILE: short,
          SECKILL_PAYMENT_API_KEY_FILE: file('empty', '\n'),
          SECKILL_STOCK_REDIS_URL_FILE: 'stock-redis-url',
          SECKILL_QUEUE_REDIS_URL_FILE: join(dir, 'none'),
        },
        [
          'SECKILL_SESSION_SECRET',
          'SECKILL_CHALLENGE_SECRET',
          'SECKILL_PAYMENT_API_KEY',
          'SECKILL_STOCK_REDIS_URL',
          'SECKILL_QUEUE_REDIS_URL',
          'SECKILL_DATABASE_URL',
        ],
      ),
    ).toEqual([
      'SECKILL_SESSION_SECRET and SECKILL_SESSION_SECRET_FILE are both set: leave one of them out',
      `SECKILL_CHALLENGE_SECRET_FILE, ${short}: must be at least 32 characters`,
      `SECKILL_PAYMENT_API_KEY_FILE, ${join(dir, 'empty')}: the file is empty`,
      'SECKILL_STOCK_REDIS_URL_FILE must be an absolute path',
      `SECKILL_QUEUE_REDIS_URL_FILE cannot be read: ENOENT: no such file or directory, stat '${join(dir, 'none')}'`,
      'SECKILL_DATABASE_URL is not set (nor SECKILL_DATABASE_URL_FILE)',
    ]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a setting whose file is followed while the process runs is not read here', () => {
  const names: (keyof typeof settings)[] = ['SECKILL_TICKET_KEYS', 'SECKILL_TICKET_KEYS_FILE'];
  expect(readConfig(settings, names, { SECKILL_TICKET_KEYS_FILE: '/not/yet/there' })).toEqual({
    SECKILL_TICKET_KEYS_FILE: '/not/yet/there',
  });
});

test('a file that this user may not read is refused with the user in the words', () => {
  const denied = Object.assign(new Error("EACCES: permission denied, open '/run/secrets/x'"), { code: 'EACCES' });
  expect(whyUnreadable(denied)).toBe(
    `EACCES: permission denied, open '/run/secrets/x' (as uid ${process.getuid?.()}, gid ${process.getgid?.()}: let this user or group read it)`,
  );
  expect(whyUnreadable(new Error('ENOENT'))).toBe('ENOENT');
});

test('a file of a secret is text of a size; a pipe or a device is never waited for', () => {
  const dir = temporaryDirectory('config');
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  writeFileSync(join(dir, 'utf-16'), Buffer.from(`\ufeff${'x'.repeat(40)}`, 'utf16le'));
  writeFileSync(join(dir, 'marked'), `\ufeff${'x'.repeat(40)}\r\n`);
  const problems = problemsOf(
    {
      SECKILL_SESSION_SECRET_FILE: join(dir, 'pipe'),
      SECKILL_CHALLENGE_SECRET_FILE: '/dev/zero',
      SECKILL_PAYMENT_API_KEY_FILE: join(dir, 'utf-16'),
      SECKILL_CONSOLE_TOKEN_FILE: join(dir, 'marked'),
    },
    ['SECKILL_SESSION_SECRET', 'SECKILL_CHALLENGE_SECRET', 'SECKILL_PAYMENT_API_KEY', 'SECKILL_CONSOLE_TOKEN'],
  );
  expect(problems).toEqual([
    `SECKILL_SESSION_SECRET_FILE, ${join(dir, 'pipe')}: the file is a pipe: name a regular file`,
    'SECKILL_CHALLENGE_SECRET_FILE, /dev/zero: the file is a device: name a regular file',
    expect.stringContaining('the file is not UTF-8, it looks like UTF-16: save it as UTF-8'),
  ]);
});

test('the problems of two lists of settings are told at once, none twice', () => {
  const environment = { SECKILL_PRIZE: '1', SECKILL_LOG_LEVEL: 'loud' };
  const read = (name: keyof typeof settings) => () => readConfig(settings, [name], environment);
  expect(() => readTogether(read('SECKILL_LOG_LEVEL'), read('SECKILL_LISTEN'))).toThrow(
    expect.objectContaining({
      problems: [
        'SECKILL_PRIZE is not a setting; did you mean SECKILL_PRICE_FLOOR?',
        expect.stringMatching(/^SECKILL_LOG_LEVEL /),
        'SECKILL_LISTEN is not set',
      ],
    }),
  );
  expect(
    readTogether(
      () => 'one',
      () => 2,
    ),
  ).toEqual(['one', 2]);
});
