import { expect, test } from 'vitest';
import { createLogger } from '#runtime/logger.ts';
import { watchHealth } from './health.ts';

function watched() {
  const noted: string[] = [];
  const clock = { now: 1000 };
  const health = watchHealth({
    subscriber: { id: 1, name: 'points' },
    isNotedAsFailing: () => noted.at(-1) === 'failing',
    store: {
      failing: async () => noted.push('failing') > 0,
      well: async () => noted.push('well') === 0,
    },
    logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }),
    onRecovered: async () => {},
    now: () => clock.now,
  });
  return { noted, clock, health };
}

test('twenty failures in a row are a failing subscriber at once; an answer in between begins anew', () => {
  const { noted, health } = watched();
  for (let index = 0; index < 19; index += 1) health.failed('no');
  health.answered();
  for (let index = 0; index < 19; index += 1) health.failed('no');
  expect(noted).toEqual([]);
  health.failed('no');
  expect(noted).toEqual(['failing']);
});

test('a few failures and then nothing for 20 s are one too, although no try is made any more', () => {
  const { noted, clock, health } = watched();
  for (let index = 0; index < 3; index += 1) health.failed('no');
  clock.now += 19_999;
  health.look();
  expect(noted).toEqual([]);
  clock.now += 1;
  health.look();
  health.look();
  expect(noted).toEqual(['failing']);
  health.answered();
  expect(noted).toEqual(['failing', 'well']);
  clock.now += 60_000;
  health.look();
  expect(noted).toHaveLength(2);
});

test('two failures of one order are no failing subscriber, however long ago', () => {
  const { noted, clock, health } = watched();
  health.failed('no');
  health.failed('no');
  clock.now += 3_600_000;
  health.look();
  expect(noted).toEqual([]);
});
