import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hostSettings, hostValue, isEnough, sysctlText, wantedText } from './host-settings.ts';

test('a value is read as the kernel writes it: a word chosen of several, a limit among limits, a number', () => {
  expect(hostValue({ read: '/sys/kernel/mm/transparent_hugepage/enabled' }, 'always [madvise] never\n')).toBe(
    'madvise',
  );
  const limits =
    'Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n';
  expect(hostValue({ read: '/proc/self/limits' }, limits)).toBe('524288');
  expect(hostValue({ read: '/proc/sys/net/core/somaxconn' }, '4096\n')).toBe('4096');
});

test('enough is the least or more, one of the words, or no limit at all', () => {
  expect([4095, 4096, 'unlimited', ''].map((value) => isEnough({ wanted: { least: 4096 } }, String(value)))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  expect(isEnough({ wanted: { oneOf: ['madvise', 'never'] } }, 'always')).toBe(false);
});

test('each setting says why, and which command sets it', () => {
  for (const { why, mend } of hostSettings) expect([why.length > 20, mend.length > 10]).toEqual([true, true]);
});

test('a range of ports counts, and a number may have a ceiling', () => {
  const read = '/proc/sys/net/ipv4/ip_local_port_range';
  expect(hostValue({ read }, '32768\t60999\n')).toBe('28232');
  expect([0, 60, 61, ''].map((value) => isEnough({ wanted: { most: 60 } }, String(value)))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(wantedText({ wanted: { most: 60 } })).toBe('at most 60');
});

test('sysctl.d/99-seckill.conf says what the list says, and what it sets is enough', () => {
  const text = readFileSync(new URL('sysctl.d/99-seckill.conf', import.meta.url), 'utf8');
  expect(text).toBe(sysctlText());
  const set = hostSettings.filter(({ read }) => read.startsWith('/proc/sys/'));
  for (const setting of set) {
    const value = new RegExp(`^${setting.name} = (.+)$`, 'm').exec(text)?.[1] ?? '';
    expect([setting.name, isEnough(setting, hostValue(setting, value))]).toEqual([setting.name, true]);
  }
});

test('what no sysctl sets is set by the file for tmpfiles.d', () => {
  const text = readFileSync(new URL('tmpfiles.d/seckill.conf', import.meta.url), 'utf8');
  const setting = hostSettings.find(({ name }) => name === 'transparent_hugepage');
  const [, value] = /^w (?:\S+) - - - - (\w+)$/m.exec(text) ?? [];
  expect(text).toContain(`w ${setting?.read} `);
  expect(setting?.wanted).toEqual({ oneOf: expect.arrayContaining([value]) });
});
