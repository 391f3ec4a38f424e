import { counted } from '#runtime/counted.ts';
import { CliError } from '../kit/cli-error.ts';

/** What bounds a run, whatever is asked for: in time, in tickets, in requests. */
export const bounds = {
  smoke: { durationSeconds: [5, 300] },
  peak: { shoppers: [1, 1_000_000], units: [1, 1_000_000], spike: [1, 20_000], durationSeconds: [20, 1800] },
  soak: { rate: [4, 5000], durationSeconds: [60, 86_400] },
  bots: { durationSeconds: [10, 600] },
} as const satisfies Record<string, Record<string, readonly [number, number]>>;

/** Tickets are made before the run, one a shopper. */
export const maxTickets = 1_000_000;

/** `90`, `90s`, `15m` or `2h` as seconds. Throws what to write instead. */
export function parseDuration(text: string, [least, most]: readonly [number, number]): number {
  const match = /^(\d{1,7})(s|m|h)?$/.exec(text);
  const seconds =
    match === null ? Number.NaN : Number(match[1]) * (match[2] === 'h' ? 3600 : match[2] === 'm' ? 60 : 1);
  if (!(seconds >= least && seconds <= most)) {
    throw new CliError(`--duration ${text}: it must be from ${least} to ${most} seconds, such as 90, 90s or 15m`, 2);
  }
  return seconds;
}

/** Throws when a run would need more tickets than are made. */
export function checkTickets(count: number, what: string): number {
  if (count > maxTickets) {
    throw new CliError(
      `${what} needs ${counted(count, 'ticket')}, at most ${maxTickets} are made: lower the rate or the duration`,
      2,
    );
  }
  return count;
}
