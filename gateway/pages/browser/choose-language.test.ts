import { expect, test } from 'vitest';
import { chooseLanguage } from './choose-language.ts';

test.each([
  [['zh-Hant-TW'], ['en', 'zh'], 'zh'],
  [['zh-Hant-TW'], ['en', 'zh', 'zh-hant'], 'zh-hant'],
  [['pt'], ['en', 'zh', 'pt-br'], 'pt-br'],
  [['pt-PT', 'zh'], ['en', 'zh', 'pt-br'], 'pt-br'],
  [['fr-CA', 'zh-CN', 'en'], ['en', 'zh'], 'zh'],
  [['', 'de', 'EN-GB'], ['en', 'zh'], 'en'],
  [['de', 'fr'], ['en', 'zh'], 'en'],
  [[], ['en', 'zh'], 'en'],
])('of a visitor who reads %j, with pages in %j: %s', (wanted, there, tag) => {
  expect(chooseLanguage(wanted, there)).toBe(tag);
});
