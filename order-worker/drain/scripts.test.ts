import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { redisScriptSuite } from '#lab/suites/redis-script.ts';
import { replies } from './replies.ts';

test('every script file of the drain is in the reply table, and the other way round', () => {
  const files = readdirSync(new URL('./scripts', import.meta.url)).map((file) => file.replace('.lua', ''));
  expect(files.sort()).toEqual(Object.keys(replies).sort());
});

for (const name of ['fetch', 'finish'] as const) {
  const lua = readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');
  redisScriptSuite({ name, lua, replies: replies[name] });
}
