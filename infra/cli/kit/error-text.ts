import { NotReplicated, StockFault, UnreadableTerm } from '#stock/fault.ts';

/** What a command says of what ended it. Who wants to stop a sale needs to know what works without stock Redis. */
export function errorText(error: unknown): string {
  if (error instanceof UnreadableTerm) return `${error.message}; "seckill sale list" says what mends it`;
  if (!(error instanceof StockFault)) return error instanceof Error ? `${error.message}${older(error)}` : String(error);
  if (error.cause instanceof NotReplicated) return notReplicatedText(error.cause);
  const done = error.kind === 'unknown' ? 'it may have done what it was asked for, or not' : 'nothing was done';
  const cause = error.cause instanceof Error ? error.cause.message : String(error.cause);
  return [
    `stock Redis did not answer as it should (${cause}): ${done}. Look at it and its log (of the local stack: "seckill status"),`,
    'then try again;',
    'to stop selling without it: "seckill edge maintenance on"',
  ].join('\n  ');
}

const notReplicatedText = ({ message }: NotReplicated) =>
  [
    `stock Redis has done it, but ${message}: if that server is lost now, it is undone.`,
    'Neither ZooKeeper nor PostgreSQL was told of it. "seckill status" shows the replicas; when they are back, run the same',
    'command again: it does not do anything twice. To stop selling meanwhile: "seckill edge maintenance on"',
  ].join('\n  ');

/** SQLSTATE of a table or a column that is not there: the program is newer than the schema. */
const ofOlderSchema: ReadonlySet<unknown> = new Set(['42P01', '42703']);

const older = (error: Error): string =>
  ofOlderSchema.has(Reflect.get(error, 'code'))
    ? '. The schema of the database is older than this program: run "seckill migrate"'
    : '';
