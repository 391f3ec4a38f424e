import { type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import { type CdcTable, cdcNames, cdcTables, keyOf } from '#contract/cdc.ts';
import { type Lsn, lsnNumber, parseLsn } from '../port/lsn.ts';
import type { CdcChange } from '../port/sink.ts';
import { rowOf } from './row-values.ts';

/** What the stream says that matters here, in its order. */
export type Decoded =
  | { kind: 'begin'; commit: Lsn; commitMs: number }
  | { kind: 'change'; change: CdcChange }
  | { kind: 'commit'; end: Lsn; commitMs: number }
  | { kind: 'columns'; table: CdcTable; names: readonly string[] };

type Message = Pgoutput.Message;
type MessageRelation = Pgoutput.MessageRelation;

/** The plugin of the library, with every value as the text that PostgreSQL wrote: its own parsers lose microseconds, and ours refuse large numbers. */
export class TextPgoutput extends PgoutputPlugin {
  /** How many messages came, empty ones too. */
  received = 0;

  constructor(publication: string = cdcNames.publication) {
    super({ protoVersion: 1, publicationNames: [publication] });
  }

  override parse(buffer: Buffer): Message {
    const message = super.parse(buffer);
    this.received += 1;
    if (message.tag === 'relation') for (const column of message.columns) column.parser = (text: string) => text;
    return message;
  }
}

/** Turns messages into changes: one a connection, because a message stands on those before it. */
export function createDecoder(options: { db: string; generation: number; now: () => number }) {
  const { db, generation, now } = options;
  let transaction: { lsn: number; ms: number; xid: number; seq: number } | null = null;

  const changeOf = (
    relation: MessageRelation,
    op: 'c' | 'u' | 'd',
    texts: Readonly<Record<string, string>>,
  ): Decoded => {
    const table = tableOf(relation);
    if (transaction === null) throw new Error(`a change of ${relation.name} outside of a transaction`);
    transaction.seq += 1;
    const row = rowOf(table, texts);
    const key = op === 'd' ? keyOf(table, row) : row;
    return {
      kind: 'change',
      change: {
        table,
        // A row that was deleted has its key alone: what order it was of is not in the log.
        orderId: String(row[cdcTables[table].orderId] ?? row[cdcTables[table].key]),
        envelope: {
          before: op === 'd' ? key : null,
          after: op === 'd' ? null : row,
          op,
          ts_ms: now(),
          source: {
            ...{ connector: 'seckill', name: 'seckill', db, schema: 'public', table },
            ...{ ts_ms: transaction.ms, snapshot: 'false', txId: transaction.xid },
            ...{ lsn: transaction.lsn, seq: transaction.seq, generation },
          },
        },
      },
    };
  };

  return (message: Message): Decoded | null => {
    switch (message.tag) {
      case 'begin': {
        const commit = lsnOf(message.commitLsn);
        transaction = { lsn: lsnNumber(commit), ms: msOf(message.commitTime), xid: message.xid >>> 0, seq: 0 };
        return { kind: 'begin', commit, commitMs: transaction.ms };
      }
      case 'commit':
        transaction = null;
        return { kind: 'commit', end: lsnOf(message.commitEndLsn), commitMs: msOf(message.commitTime) };
      case 'relation':
        return { kind: 'columns', table: tableOf(message), names: message.columns.map(({ name }) => name) };
      case 'insert':
        return changeOf(message.relation, 'c', message.new);
      case 'update':
        return changeOf(message.relation, 'u', message.new);
      case 'delete':
        return changeOf(message.relation, 'd', message.key ?? message.old ?? {});
      default:
        return null; // types, origins and messages say nothing of rows; truncate is not published
    }
  };
}

function tableOf({ schema, name }: MessageRelation): CdcTable {
  if (schema === 'public' && Object.hasOwn(cdcTables, name)) return name as CdcTable;
  throw new Error(
    `the publication has the table ${schema}.${name}, which this version does not read: run "seckill migrate"`,
  );
}

function lsnOf(text: string | null): Lsn {
  if (text === null) throw new Error('a transaction without a place in the WAL');
  return parseLsn(text);
}

const msOf = (microseconds: unknown): number => Number((microseconds as bigint) / 1000n); // the library's type is BigInt's interface
