import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { cdcTableNames, cdcTables } from '#contract/cdc.ts';
import { changeSchemaFiles } from './change-schemas.ts';

const docs = resolve(import.meta.dirname, '../../docs');
const page = readFileSync(join(docs, 'data-team.md'), 'utf8');

test('docs/changes holds the schema of the changes of each table: else run npm run docs:events', () => {
  const wanted = changeSchemaFiles();
  expect(readdirSync(join(docs, 'changes')).sort()).toEqual([...wanted.keys()].sort());
  for (const [name, text] of wanted) expect(readFileSync(join(docs, 'changes', name), 'utf8'), name).toBe(text);
});

test('the page of the data team names every table and column, and its example is as the schema says', () => {
  for (const table of cdcTableNames) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${table}\` |`)) ?? '';
    const named = [...(row.split('|')[3] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect([table, named]).toEqual([table, Object.keys(cdcTables[table].columns)]);
  }
  const example = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '');
  const schema = JSON.parse(changeSchemaFiles().get('orders.json') ?? '');
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  expect([ajv.validate(schema, example), ajv.errorsText()]).toEqual([true, 'No errors']);
});
