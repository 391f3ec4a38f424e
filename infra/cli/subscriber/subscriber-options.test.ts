import { expect, test } from 'vitest';
import {
  duration,
  durationText,
  eventTypes,
  retrySchedule,
  subscriberName,
  whenArgument,
} from './subscriber-options.ts';

test('times are read with their unit, and written the shortest way', () => {
  expect(['250ms', '10s', '5m', '2h', '1d'].map(duration)).toEqual([250, 10_000, 300_000, 7_200_000, 86_400_000]);
  expect([250, 10_000, 90_000, 7_200_000, 86_400_000].map(durationText)).toEqual(['250ms', '10s', '90s', '2h', '1d']);
  for (const wrong of ['', '10', 's', '-1s', '1.5h', '10 s s']) expect(() => duration(wrong)).toThrow(/not a time/);
});

test('a schedule is tries, first and longest wait', () => {
  expect(retrySchedule('16,10s,2h')).toEqual({ tries: 16, firstMs: 10_000, longestMs: 7_200_000 });
  for (const wrong of ['16', '16,10s', '16,10s,2h,1d', 'x,10s,2h'])
    expect(() => retrySchedule(wrong)).toThrow(/16,10s,2h/);
  expect(() => retrySchedule('0,10s,2h')).toThrow(/tries/);
  expect(() => retrySchedule('3,2h,10s')).toThrow(/must not be longer/);
});

test('types of events are known ones, or all of them', () => {
  expect(eventTypes('all')).toBeNull();
  expect(eventTypes('order.refunded, order.paid')).toEqual(['order.paid', 'order.refunded']);
  expect(() => eventTypes('order.payed')).toThrow(/no order.payed: take all, or some of order.created/);
});

test('a moment is a number of an event or a time that says its zone', () => {
  expect(whenArgument('0000000000000042')).toBe(42);
  expect(whenArgument('2026-11-25T10:00:00+08:00')).toEqual(new Date('2026-11-25T02:00:00Z'));
  for (const wrong of ['yesterday', '2026-11-25', '2026-11-25T10:00:00', '-1', '2026-13-45T99:00:00Z']) {
    expect(() => whenArgument(wrong)).toThrow(/with its zone/);
  }
});

test('a name that cannot be a queue’s is refused', () => {
  expect(subscriberName('points-2')).toBe('points-2');
  for (const wrong of ['', 'Points', '2points', 'a b', 'a:b', 'x'.repeat(41)])
    expect(() => subscriberName(wrong)).toThrow();
});
