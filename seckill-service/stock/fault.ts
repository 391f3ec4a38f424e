/**
 * Stock Redis did not give an answer. `unavailable`: nothing was done. `unknown`: the question was sent, and whether it
 * was carried out is not known; asking again with the same order id tells.
 */
export class StockFault extends Error {
  readonly kind: 'unavailable' | 'unknown';
  constructor(kind: 'unavailable' | 'unknown', cause: unknown) {
    super(`stock is ${kind}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.kind = kind;
  }
}

/** The cause of a fault of kind `unknown`: stock Redis did what it was asked for, and too few of its replicas have it yet. */
export class NotReplicated extends Error {
  constructor(acknowledged: number, replicas: number) {
    super(`${acknowledged} of ${replicas} replicas have it`);
  }
}

/** Errors that ioredis raises before a byte was sent, by their text: it has no codes for them. */
const notSent = /Stream isn't writeable/;

/** What an error of the driver says about the question that met it. */
export function faultOf(error: unknown): StockFault {
  if (error instanceof StockFault) return error;
  // An error reply means that Redis refused to run the script (loading, read-only, out of memory, disk): nothing done.
  // One that a running script raised says so itself, and what the script had written by then stays.
  if (error instanceof Error && error.name === 'ReplyError') {
    return new StockFault(/user_script|script: /.test(error.message) ? 'unknown' : 'unavailable', error);
  }
  if (error instanceof Error && notSent.test(error.message)) return new StockFault('unavailable', error);
  return new StockFault('unknown', error);
}

/** For `catch`: what {@link faultOf} makes of an error, thrown. */
export function fail(error: unknown): never {
  throw faultOf(error);
}

/**
 * Stock Redis holds no number as a term of a sale (its window, limit or total). No count of the reservations brings one back,
 * so no rebuild does: a person writes it anew. `field` is the one of the sale's hash.
 */
export class UnreadableTerm extends Error {
  readonly field: string;
  constructor(field: string, value: unknown) {
    super(`stock Redis holds no number as ${field} of the sale: ${JSON.stringify(value ?? null)}`);
    this.field = field;
  }
}
