import { type CdcTable, type CdcType, cdcOps, cdcTableNames, cdcTables, cdcTopic } from '#contract/cdc.ts';

const types: Record<CdcType, object> = {
  text: { type: ['string', 'null'] },
  integer: { type: ['integer', 'string', 'null'], description: 'a string beyond 2^53' },
  time: { type: ['string', 'null'], format: 'date-time', description: 'UTC, with microseconds' },
  json: { type: ['string', 'null'], contentMediaType: 'application/json' },
};

/** The JSON Schemas of what the data team gets, by file name in docs/changes. What is not named may be there: a field can be added one day. */
export const changeSchemaFiles = (): Map<string, string> =>
  new Map(cdcTableNames.map((table) => [`${table}.json`, `${JSON.stringify(schemaOf(table), null, 2)}\n`]));

function schemaOf(table: CdcTable): object {
  const { key, orderId, columns } = cdcTables[table];
  const row = {
    type: ['object', 'null'],
    properties: Object.fromEntries(Object.entries(columns).map(([name, type]) => [name, types[type]])),
    required: [...new Set([key, orderId])],
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: cdcTopic(table),
    description: `a change of a row of ${table}, in Debezium's envelope: docs/data-team.md`,
    type: 'object',
    properties: {
      before: { ...row, required: [key], description: 'null, but where the row was deleted: its key' },
      after: { ...row, description: 'the row as it is now; null where it was deleted' },
      op: { enum: cdcOps, description: 'c inserted, u updated, d deleted, r read by a snapshot' },
      ts_ms: { type: 'integer', description: 'when it was read, Unix ms' },
      source: {
        type: 'object',
        properties: {
          connector: { const: 'seckill' },
          name: { const: 'seckill' },
          db: { type: 'string' },
          schema: { const: 'public' },
          table: { const: table },
          ts_ms: { type: 'integer', description: 'when its transaction was committed, Unix ms' },
          snapshot: { enum: ['true', 'false'] },
          txId: { type: ['integer', 'null'] },
          lsn: { type: 'integer', description: 'where its transaction was committed in the WAL' },
          seq: { type: 'integer', description: 'the number of the change in its transaction; 0 in a snapshot' },
          generation: { type: 'integer', description: 'the number of the snapshot that this is, or follows' },
        },
        required: ['table', 'ts_ms', 'snapshot', 'lsn', 'seq', 'generation'],
      },
      setAside: { type: 'string', description: 'only where the sink refused the row: why. after has its key alone' },
    },
    required: ['before', 'after', 'op', 'ts_ms', 'source'],
  };
}
