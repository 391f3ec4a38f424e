import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { eventSchemaFiles } from './event-schemas.ts';

const dir = resolve(import.meta.dirname, '../../docs/events');

test('docs/events holds the schema of every event as it is sent: else run npm run docs:events', () => {
  const wanted = eventSchemaFiles();
  expect(readdirSync(dir).sort()).toEqual([...wanted.keys()].sort());
  for (const [name, text] of wanted) expect(readFileSync(join(dir, name), 'utf8'), name).toBe(text);
});
