/** What the fields of one entry of `seckill:{<saleId>}:outbox`, a stream, say. `origin` is as formatOrigin writes it. */
export type OutboxFields = { orderId: string; userId: string; quantity: number; place: number; origin: string };

/**
 * The one pair of an entry: the order's id, and `<quantity>:<place>:<origin>:<userId>`. One pair, because Redis and its
 * client pay for each field, and a million entries may wait there. An origin holds no colon; a user's id may, and is last.
 * The entry's id begins with the time, Redis' own. This is what reserve.lua writes, for tests and benches.
 */
export function outboxPair({ orderId, userId, quantity, place, origin }: OutboxFields): [name: string, value: string] {
  return [orderId, `${quantity}:${place}:${origin}:${userId}`];
}

/**
 * The fields of an entry, as they are: nothing is checked. What is missing, or cannot be read, is empty or NaN. Pairs that
 * a later version adds are passed over. The version before wrote five pairs, each named by a letter: they are read, too.
 */
export function readOutboxFields(fields: readonly string[]): OutboxFields {
  const [orderId, value] = [fields[0] ?? '', fields[1] ?? ''];
  if (orderId.length <= 1) return readLetters(fields);
  const place = value.indexOf(':') + 1;
  const origin = value.indexOf(':', place) + 1;
  const userId = value.indexOf(':', origin) + 1;
  const isWhole = place > 0 && origin > 0 && userId > 0;
  if (!isWhole) return { orderId, userId: '', quantity: Number.NaN, place: Number.NaN, origin: '' };
  return {
    orderId,
    userId: value.slice(userId),
    quantity: Number(value.slice(0, place - 1)),
    place: Number(value.slice(place, origin - 1)),
    origin: value.slice(origin, userId - 1),
  };
}

function readLetters(fields: readonly string[]): OutboxFields {
  const read = { orderId: '', userId: '', quantity: Number.NaN, place: Number.NaN, origin: '' };
  for (let index = 1; index < fields.length; index += 2) {
    const value = fields[index] ?? '';
    switch (fields[index - 1]) {
      case 'o':
        read.orderId = value;
        break;
      case 'u':
        read.userId = value;
        break;
      case 'q':
        read.quantity = Number(value);
        break;
      case 'p':
        read.place = Number(value);
        break;
      case 'r':
        read.origin = value;
    }
  }
  return read;
}
