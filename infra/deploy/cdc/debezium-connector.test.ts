import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cdcNames, cdcTableNames, cdcTables, cdcTopic } from '#contract/cdc.ts';

const { config } = JSON.parse(readFileSync(join(import.meta.dirname, 'debezium-connector.json'), 'utf8')) as {
  config: Record<string, string>;
};

test('the Debezium connector reads the publication, tables and columns of our own process, by a slot of its own', () => {
  expect(config).toMatchObject({
    'publication.name': cdcNames.publication,
    'publication.autocreate.mode': 'disabled',
    'slot.name': cdcNames.debeziumSlot,
    'database.user': cdcNames.role,
    'table.include.list': cdcTableNames.map((table) => `public.${table}`).join(','),
    'column.include.list': cdcTableNames
      .map((table) => `public\\.${table}\\.(${Object.keys(cdcTables[table].columns).join('|')})`)
      .join(','),
    'message.key.columns': cdcTableNames.map((table) => `public.${table}:${cdcTables[table].orderId}`).join(';'),
  });
  for (const table of cdcTableNames) {
    const routed = `${config['topic.prefix']}.public.${table}`.replace(
      new RegExp(config['transforms.route.regex'] ?? ''),
      config['transforms.route.replacement'] ?? '',
    );
    expect(routed).toBe(cdcTopic(table));
  }
  expect(JSON.stringify(config)).not.toMatch(/"database\.password":"(?!\$\{)/);
});
