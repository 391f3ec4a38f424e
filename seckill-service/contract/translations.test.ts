import { expect, test } from 'vitest';
import { testingSale } from '#gateway/pages/testing-sale.ts';
import { toEdgeSale } from './edge-stream.ts';
import { parseSaleNode, publicSaleSchema, saleFileSchema } from './sale.ts';
import { quizQuestionSchema } from './sale-quiz.ts';

const translations = { fr: { title: 'Service à thé', description: 'Deux tasses.' }, 'zh-Hant': { title: '瓷器茶具' } };

test('a sale may be written in any language; its titles travel to the pages in all of them, its descriptions do not', () => {
  const file = { saleId: 'tea', title: 'Tea set', price: { amount: 1, currency: 'CNY' }, units: 1, translations };
  const window = { opensAt: '2026-11-11T00:00:00Z', closesAt: '2026-11-12T00:00:00Z' };
  expect(saleFileSchema.parse({ ...file, ...window }).translations).toEqual(translations);
  const stored = JSON.stringify(testingSale('tea', new Date(0), { translations }));
  const node = parseSaleNode(Buffer.from(stored), 'tea');
  const told = JSON.parse(`${toEdgeSale(node).json},"state":"open","now":"1970-01-01T00:00:00.000Z"}`);
  expect(publicSaleSchema.parse(told).translations).toEqual({
    fr: { title: 'Service à thé' },
    'zh-Hant': { title: '瓷器茶具' },
  });
  expect(told.translations.fr).toEqual({ title: 'Service à thé' });
});

test('a question may be asked in any language; one by a tag that is none, or of twelve others, is refused', () => {
  const taken = (question: unknown) => quizQuestionSchema.safeParse({ question, answers: ['4'] }).success;
  expect(taken({ en: 'Which?', zh: '哪个？', fr: 'Lequel ?', 'pt-BR': 'Qual?' })).toBe(true);
  expect(taken({ zh: '哪个？' })).toBe(false);
  for (const tag of ['FR', 'french', 'pt-br', 'e', ''])
    expect(taken({ en: 'Which?', [tag]: 'Lequel ?' }), tag).toBe(false);
  const many = Object.fromEntries(Array.from({ length: 12 }, (_, nth) => [`a${String.fromCharCode(97 + nth)}`, 'x']));
  expect(taken({ en: 'Which?', ...many })).toBe(false);
});
