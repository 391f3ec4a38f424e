import type { Words } from './words.ts';

const pad = (value: number) => String(value).padStart(2, '0');

/** `04:05:06`, with the days before it from a day on; never below zero. Rounds up: it reads 00:00:00 only when it is time. */
export function formatCountdown(leftMs: number, { fill, daysAndClock }: Pick<Words, 'fill' | 'daysAndClock'>): string {
  const seconds = Math.max(0, Math.ceil(leftMs / 1000));
  const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(pad).join(':');
  return seconds >= 86_400 ? fill(daysAndClock, { count: Math.floor(seconds / 86_400), clock }) : clock;
}
