import { expect, test } from 'vitest';
import { settings } from '#contract/settings.ts';
import { cdcEnvironment, instanceName } from './run-command.ts';

const stack = {
  SECKILL_ZOOKEEPER: 'z:1',
  SECKILL_CDC_DATABASE_URL: 'postgres://c:p@h/seckill',
  SECKILL_EDGE_URL: 'http://e',
};
const environmentOf = (given: Record<string, string>, sink?: 'files' | 'kafka', more: Record<string, string> = {}) =>
  cdcEnvironment({ given, stack: { ...stack, ...more }, sink, filesOf: () => '/run/cdc' });

test('the process is told of the stack on this machine, and of nothing that it does not read', () => {
  expect(environmentOf({}, 'files')).toMatchObject({
    ...{
      SECKILL_ZOOKEEPER: 'z:1',
      SECKILL_CDC_SINK: 'files',
      SECKILL_CDC_DIR: '/run/cdc',
      SECKILL_INNER_LISTEN: '127.0.0.1:0',
    },
    SECKILL_INSTANCE: expect.stringMatching(/^cdc-/),
  });
  expect(environmentOf({}, 'files')).not.toHaveProperty('SECKILL_EDGE_URL');
});

test('what the caller sets wins, by value or by file; the settings of the stack’s other sink stay away', () => {
  const ofStack = { SECKILL_CDC_SINK: 'files', SECKILL_CDC_DIR: '/stack' };
  expect(environmentOf({ SECKILL_CDC_DIR: '/mine' }, undefined, ofStack)).toMatchObject({ SECKILL_CDC_DIR: '/mine' });
  const kafka = environmentOf({ SECKILL_CDC_KAFKA_URL_FILE: '/url' }, 'kafka', ofStack);
  expect(kafka).toMatchObject({ SECKILL_CDC_SINK: 'kafka', SECKILL_CDC_KAFKA_URL_FILE: '/url' });
  expect(kafka).not.toHaveProperty('SECKILL_CDC_DIR');
  const other = environmentOf({ SECKILL_CDC_DATABASE_URL_FILE: '/db' }, 'files');
  expect(other).not.toHaveProperty('SECKILL_CDC_DATABASE_URL');
});

test.each([
  ['VM_1.example.com', 'cdc-vm-1-example-com-7'],
  ['a'.repeat(60), `cdc-${'a'.repeat(25)}-7`],
])('an instance on the host %s has a name that the setting takes', (host, name) => {
  expect(instanceName(host, 7)).toBe(name);
  expect(settings.SECKILL_INSTANCE.safeParse(name).success).toBe(true);
});
