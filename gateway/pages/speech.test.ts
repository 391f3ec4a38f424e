import { expect, test } from 'vitest';
import { createSpeech, styleOfLanguages } from './speech.ts';
import { builtInLanguages } from './words/languages.ts';

const [english, ...others] = builtInLanguages;
const words = { ...english.words, language: { name: 'Français', lang: 'fr', locale: 'fr' } };
const french = { tag: 'fr', words: { ...words, order: { ...words.order, pay: 'Payer' } } };
const speech = createSpeech([english, ...others, french]);

test('one span for each text: a language without its own shares the English one', () => {
  expect(String(speech.text('order.pay'))).toBe(
    '<span class="in-en" lang="en">Pay now</span><span class="in-zh" lang="zh-Hans">立即付款</span><span class="in-fr" lang="fr">Payer</span>',
  );
  expect(String(speech.inEach({ en: 'Tea', zh: '茶' }))).toBe(
    '<span class="in-en in-fr" lang="en">Tea</span><span class="in-zh" lang="zh-Hans">茶</span>',
  );
  expect(String(speech.inEach({ en: 'Tea & "cups"' }))).toBe('Tea &amp; &quot;cups&quot;');
});

test('what is written in a language serves its kinds, what is written in none of them is in English', () => {
  const traditional = {
    tag: 'zh-Hant',
    words: { ...words, language: { name: '繁體', lang: 'zh-Hant', locale: 'zh-TW' } },
  };
  const { inEach } = createSpeech([english, traditional, french]);
  expect(String(inEach({ en: 'Tea', zh: '茶' }))).toBe(
    '<span class="in-en in-fr" lang="en">Tea</span><span class="in-zh-hant" lang="zh-Hant">茶</span>',
  );
});

test('a text takes the form that its number has, in each language', () => {
  const shown = (count: number) => String(speech.text('sale.upTo', { count })).replace(/<[^>]*>/g, ' ');
  expect(shown(1)).toMatch(/1 item .*1 件/);
  expect(shown(5000)).toMatch(/5,000 items .*5,000 件/);
});

test('a value that is not given is a fault, not a hole in a page', () => {
  expect(() => speech.text('list.from')).toThrow('a value is missing in the text list.from (en)');
});

test('style shows the one language that the root names', () => {
  expect(styleOfLanguages([english, french])).toBe(
    '[data-language] [class^=in-]{display:none}[data-language=en] .in-en,[data-language=fr] .in-fr{display:inline}',
  );
});
