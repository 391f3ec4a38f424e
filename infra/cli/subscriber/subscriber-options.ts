import { InvalidArgumentError } from 'commander';
import { type OrderEventType, orderEventTypes } from '#contract/order-events.ts';
import { type DeliverySettings, deliverySettingsSchema, subscriberNameSchema } from '#contract/subscribers.ts';

export function subscriberName(text: string): string {
  const name = subscriberNameSchema.safeParse(text);
  if (!name.success) throw new InvalidArgumentError(`a name ${name.error.issues[0]?.message}.`);
  return name.data;
}

/** `all`, or types with commas between them. */
export function eventTypes(text: string): OrderEventType[] | null {
  if (text === 'all') return null;
  const wanted = text.split(',').map((type) => type.trim());
  const unknown = wanted.filter((type) => !(orderEventTypes as readonly string[]).includes(type));
  if (unknown.length > 0) {
    throw new InvalidArgumentError(
      `there is no ${unknown.join(', ')}: take all, or some of ${orderEventTypes.join(', ')}.`,
    );
  }
  return orderEventTypes.filter((type) => wanted.includes(type));
}

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `250ms`, `10s`, `5m`, `2h`, `1d` in ms. */
export function duration(text: string): number {
  const [, number, unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  const factor = units[unit as keyof typeof units];
  if (number === undefined || factor === undefined) {
    throw new InvalidArgumentError(`"${text}" is not a time such as 250ms, 10s, 5m, 2h or 1d.`);
  }
  return Number(number) * factor;
}

/** `16,10s,2h`: how many tries, the first and the longest wait between them. */
export function retrySchedule(text: string): DeliverySettings['retry'] {
  const [tries = '', first, longest] = text.split(',').map((part) => part.trim());
  if (!/^\d+$/.test(tries) || first === undefined || longest === undefined || text.split(',').length !== 3) {
    throw new InvalidArgumentError('it must be tries, first wait and longest wait, such as 16,10s,2h.');
  }
  const retry = deliverySettingsSchema.shape.retry.safeParse({
    tries: Number(tries),
    firstMs: duration(first),
    longestMs: duration(longest),
  });
  if (!retry.success) {
    const [issue] = retry.error.issues;
    throw new InvalidArgumentError(`${issue?.path.join('.') ?? ''} ${issue?.message}.`.trimStart());
  }
  return retry.data;
}

/** A number of an event, or a time with its zone. */
export function whenArgument(text: string): number | Date {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text) ? new Date(text) : null;
  if (time === null || Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError(
      'it must be a time with its zone, such as 2026-11-25T10:00:00Z, or the number of an event (its "sequence").',
    );
  }
  return time;
}

/** `10 s`, `2 h`: the largest unit that gives a whole number. */
export function durationText(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms >= units[unit] && ms % units[unit] === 0) return `${ms / units[unit]}${unit}`;
  }
  return `${ms}ms`;
}
