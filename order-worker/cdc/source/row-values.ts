import { type CdcRow, type CdcTable, type CdcType, cdcTables } from '#contract/cdc.ts';

/** PostgreSQL's text of a value, as a sink writes it. */
const writers: Record<CdcType, (text: string) => string | number> = {
  text: (text) => text,
  json: (text) => text,
  // Beyond 2^53 a number would be another one: then it stays text, and holds up no other row.
  integer: (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text),
  time: isoTime,
};

/** `2026-12-01 07:00:00.12+00` to `2026-12-01T07:00:00.120000Z`. The connections that read have TimeZone UTC, DateStyle ISO. */
function isoTime(text: string): string {
  const [, day, clock, fraction = ''] = /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text) ?? [];
  if (day === undefined) return text; // infinity, and years before Christ: no such time is stored by us
  return `${day}T${clock}.${fraction.padEnd(6, '0')}Z`;
}

const typesOf = (table: CdcTable): Readonly<Record<string, CdcType>> => cdcTables[table].columns;

/** Of a row as PostgreSQL writes it. A column that this version does not know stays text. */
export function rowOf(table: CdcTable, texts: Readonly<Record<string, string | null | undefined>>): CdcRow {
  const types = typesOf(table);
  const row: Record<string, string | number | null> = {};
  for (const [name, text] of Object.entries(texts)) {
    if (text === undefined) row[name] = unavailable;
    else row[name] = text === null ? null : writers[types[name] ?? 'text'](text);
  }
  return row;
}

/** A long value that an update left as it was is not in the WAL: Debezium's word for it. Of our columns it can be `order_events.data` alone, which is never updated. */
const unavailable = '__debezium_unavailable_value';
