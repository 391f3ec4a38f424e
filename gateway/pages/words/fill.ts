import type { Text } from './words.ts';

export type Values = Readonly<Record<string, unknown>>;

/** Numbers as the language writes them; `count` chooses the form of a text that has several. */
export function createFill(locale: string) {
  const number = new Intl.NumberFormat(locale);
  const rules = new Intl.PluralRules(locale);

  /** The text in pieces, values among them: even places hold words, odd ones what stands for a `{name}`. */
  function pieces(text: Text, values: Values): unknown[] {
    const form = typeof text === 'string' ? text : (text[rules.select(Number(values.count))] ?? text.other);
    return form.split(/\{(\w+)\}/).map((piece, place) => {
      if (place % 2 === 0) return piece;
      const value = values[piece];
      return typeof value === 'number' ? number.format(value) : value;
    });
  }
  return { pieces, fill: (text: Text, values: Values): string => pieces(text, values).join('') };
}
