import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { parseStrictJson, readJsonFile } from './json-file.ts';

test('a value is what JSON.parse says', () => {
  for (const text of ['{"a": {"b": 1}, "c": {"b": [1, {"b": null}]}}', '[]', '"x"', '{"__proto__": 1}', '1e3']) {
    expect(parseStrictJson(text)).toEqual(JSON.parse(text));
  }
});

test('a name that one object has twice is refused by its path and its lines, however it is spelled', () => {
  const text = `{
  "units": 10,
  "price": { "amount": 1,
             "amount": 2 },
  "quiz": [{ "question": "a" }, { "question": "b", "qu\\u0065stion": "c" }],
  "units": 20
}`;
  expect(() => parseStrictJson(text)).toThrow(
    'has "price.amount" twice, in line 3 and in line 4: keep one of them; ' +
      'has "quiz.1.question" twice, both in line 5: keep one of them; ' +
      'has "units" twice, in line 2 and in line 6: keep one of them',
  );
});

test.each(['', '{', '{"a": 1,}', "{'a': 1}", '{"a": NaN}', '// x\n{}'])('%j is not valid JSON', (text) => {
  expect(() => parseStrictJson(text)).toThrow('is not valid JSON: ');
});

test('a nesting as deep as a megabyte allows is an answer, no crash', () => {
  expect(() => parseStrictJson('['.repeat(100_000) + ']'.repeat(100_000))).toThrow('is not valid JSON');
});

test('a byte order mark of a Windows editor does no harm', async () => {
  const file = join(temporaryDirectory('json-file-'), 'a.json');
  writeFileSync(file, '\ufeff{"a": "价"}');
  expect(await readJsonFile(file)).toEqual({ a: '价' });
});
